using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Client.Tests;

/// <summary>An API that follows the contract. Unlike the real API, it can fail at a chosen request. Thread-safe.</summary>
internal sealed class FakeApi : IAsyncDisposable
{
    public const string Secret = "secret";

    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (string Hash, int Status, string Answer)> _keys = [];
    private int _inFlight;
    private int _requests;

    private FakeApi(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.Single());

    /// <summary>The events in the log, in the order of appending.</summary>
    public List<string> Records { get; } = [];

    /// <summary>The keys of all POSTs, in order of arrival.</summary>
    public ConcurrentQueue<string> Keys { get; } = [];

    /// <summary>The bodies of all POSTs, in order of arrival.</summary>
    public ConcurrentQueue<string> Bodies { get; } = [];

    /// <summary>The Authorization headers of all POSTs, in order of arrival.</summary>
    public ConcurrentQueue<string> Authorizations { get; } = [];

    /// <summary>Whether an Authorization header is accepted.</summary>
    public Func<string, bool> Authorizes { get; set; } = header => header == Secret;

    /// <summary>The answer to any other Authorization header.</summary>
    public (int Status, string Answer) Refusal { get; set; } = (401, """{"detail":"wrong secret"}""");

    public Guid LogId { get; set; } = Guid.NewGuid();

    /// <summary>Simulates several API processes with shared keys: each receipt is from another log, and positions count keys.</summary>
    public bool KeysShared { get; set; }

    public long Offset { get; set; } = 1000;

    public long KeysFrom { get; set; }

    public int KeyWindow { get; set; } = 1_000_000;

    /// <summary>Whether the API supports <c>?listed=</c>.</summary>
    public bool KnowsListed { get; set; } = true;

    /// <summary>Number of authorized requests for the state of the log.</summary>
    public int StateReads { get; private set; }

    /// <summary>Replaces the list of rejected lines in answers to batches.</summary>
    public string? RejectedList { get; set; }

    /// <summary>Whether the API reports which keys it remembers.</summary>
    public bool TellsLog { get; set; } = true;

    /// <summary>Number of further requests for the state that get a 503, as if the database were unavailable.</summary>
    public int UnreadableReads { get; set; }

    public int MaxInFlight { get; private set; }

    public int MaxBatchBytes { get; set; } = 32 << 20;

    public TimeSpan Delay { get; set; }

    /// <summary>Called with the number of the POST, from 1, before it is handled. Returns true if it has answered the POST.</summary>
    public Func<HttpContext, int, Task<bool>> Before { get; set; } = (_, _) => Task.FromResult(false);

    /// <summary>Called after a POST is handled, before it is answered. Returns true if the answer must not be sent.</summary>
    public Func<HttpContext, int, bool> LosesAnswer { get; set; } = (_, _) => false;

    public static async Task<FakeApi> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        var api = new FakeApi(app);
        app.MapGet("/liveEvents/state", api.StateAsync);
        app.MapPost("/liveEvent", context => api.PostAsync(context, isBatch: false));
        app.MapPost("/liveEvents", context => api.PostAsync(context, isBatch: true));
        await app.StartAsync();
        return api;
    }

    public static Task Answer(HttpContext context, int status, string? retryAfter = null)
    {
        context.Response.StatusCode = status;
        if (retryAfter is not null)
        {
            context.Response.Headers.RetryAfter = retryAfter;
        }

        return context.Response.WriteAsync($$"""{"title":"status {{status}}","status":{{status}},"detail":"provoked {{status}}"}""");
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task StateAsync(HttpContext context)
    {
        lock (_gate)
        {
            // Authorizes applies only to POSTs; any token may read the state.
            var authorization = context.Request.Headers.Authorization.ToString();
            if (authorization != Secret && !authorization.StartsWith("Bearer ", StringComparison.Ordinal))
            {
                return Answer(context, 401);
            }

            StateReads++;
            if (UnreadableReads > 0)
            {
                UnreadableReads--;
                context.Response.StatusCode = 503;
                return context.Response.WriteAsync("""{"detail":"The log cannot be read at present; try again."}""");
            }

            var data = new { id = LogId.ToString("N"), durableMark = Offset, keysFrom = KeysFrom, keyWindow = KeyWindow, keysShared = KeysShared };
            return TellsLog ? context.Response.WriteAsync(JsonSerializer.Serialize(data)) : Answer(context, 404);
        }
    }

    private async Task PostAsync(HttpContext context, bool isBatch)
    {
        var number = Interlocked.Increment(ref _requests);
        lock (_gate)
        {
            MaxInFlight = Math.Max(MaxInFlight, ++_inFlight);
        }

        try
        {
            Authorizations.Enqueue(context.Request.Headers.Authorization.ToString());
            Keys.Enqueue(context.Request.Headers["Idempotency-Key"].ToString());
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var body = await reader.ReadToEndAsync();
            Bodies.Enqueue(body);
            if (await Before(context, number))
            {
                return;
            }

            await Task.Delay(Delay);
            var (status, answer) = Authorizes(context.Request.Headers.Authorization.ToString())
                ? Handle(context, isBatch, body)
                : Refusal;
            if (LosesAnswer(context, number))
            {
                context.Abort();
                return;
            }

            context.Response.StatusCode = status;
            await context.Response.WriteAsync(answer);
        }
        finally
        {
            lock (_gate)
            {
                _inFlight--;
            }
        }
    }

    private (int Status, string Answer) Handle(HttpContext context, bool isBatch, string body)
    {
        if (isBatch && Encoding.UTF8.GetByteCount(body) > MaxBatchBytes)
        {
            return (413, """{"detail":"too large"}""");
        }

        var lines = isBatch ? body.Split('\n', StringSplitOptions.RemoveEmptyEntries) : [body];
        var good = lines.Where(line => Problem(line) is null).ToList();
        var rejected = lines.Select((line, index) => (Line: index + 1, Reason: Problem(line))).Where(line => line.Reason is not null).ToList();
        var list = JsonSerializer.Serialize(
            rejected.Take(KnowsListed && int.TryParse(context.Request.Query["listed"], CultureInfo.InvariantCulture, out var listed) ? listed : 100)
                .Select(reject => new { line = reject.Line, reason = reject.Reason }));
        list = RejectedList ?? list;
        if (good.Count == 0)
        {
            return (400, isBatch
                ? $$"""{"detail":"no events","rejectedCount":{{rejected.Count}},"rejected":{{list}}}"""
                : JsonSerializer.Serialize(new { detail = rejected[0].Reason }));
        }

        var key = context.Request.Headers["Idempotency-Key"].ToString();
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        lock (_gate)
        {
            if (key.Length > 0 && _keys.TryGetValue(key, out var known))
            {
                return known.Hash == hash ? (known.Status, known.Answer) : (422, """{"detail":"the key is known with another body"}""");
            }

            Records.AddRange(good.Select(line => line.TrimEnd('\r')));
            Offset += 100;
            var receipt = string.Create(CultureInfo.InvariantCulture, $"{(KeysShared ? Guid.NewGuid() : LogId):N}:{Offset - 100}");
            var answer = isBatch
                ? $$"""{"receipt":"{{receipt}}","accepted":{{good.Count}},"rejectedCount":{{rejected.Count}},"rejected":{{list}}}"""
                : $$"""{"receipt":"{{receipt}}"}""";
            if (key.Length > 0)
            {
                _keys[key] = (hash, 202, answer);
            }

            return (202, answer);
        }
    }

    private static string? Problem(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.TryGetProperty("userId", out _) ? null : "userId is missing";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return "not JSON";
        }
    }
}

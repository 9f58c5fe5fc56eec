using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Fuzz;

/// <summary>
/// Sends unusual bodies to a real process of the API, and compares its answers and its log with an independent reading of the bodies.
/// </summary>
internal sealed class FuzzRun : IDisposable
{
    private const int Clients = 6;
    private static readonly TimeSpan HangLimit = TimeSpan.FromSeconds(20);
    private readonly Installation _installation;
    private readonly Violations _violations;
    private readonly HttpClient _http;
    private readonly ConcurrentDictionary<string, IReadOnlyList<RevenueEvent>> _accepted = new(StringComparer.Ordinal);
    private int _requests;
    private int _lines;
    private int _cuts;

    private FuzzRun(Installation installation, Violations violations)
    {
        (_installation, _violations) = (installation, violations);
        _http = new HttpClient
        {
            BaseAddress = new Uri(installation.ApiUrl),
            DefaultRequestHeaders = { { "Authorization", Installation.Secret } },
            Timeout = HangLimit,
        };
    }

    /// <summary>Sends requests for the given time, then checks the log.</summary>
    /// <param name="duration">How long requests are sent.</param>
    /// <param name="seed">Decides the content of the requests.</param>
    /// <param name="cancellationToken">Stops the API and the run without a result.</param>
    /// <returns>0 if every answer was correct, else 1.</returns>
    public static Task<int> RunAsync(TimeSpan duration, int seed, CancellationToken cancellationToken)
    {
        var replay = string.Create(CultureInfo.InvariantCulture,
            $"dotnet run -c Release --project tests/RevenueAspire.Torture -- fuzz --minutes {duration.TotalMinutes:0.###} --seed {seed}");
        return RunFolder.UseAsync("fuzz", seed, replay, keep: false, async (folder, violations) =>
        {
            await using var installation = new Installation($"Host=127.0.0.1;Port={FreePort.Next()};Username=postgres;Database=revenuedb", folder);
            var api = installation.Start("RevenueAspire.Api");
            await api.WaitForUrlAsync(installation.ApiUrl + "/alive");
            using var run = new FuzzRun(installation, violations);
            await run.RunAsync(api, folder, duration, seed).WaitAsync(cancellationToken);
        }, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task RunAsync(ServiceProcess api, string folder, TimeSpan duration, int seed)
    {
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(unchecked((seed * 31) + client));
            var mutator = new Mutator(random);
            while (Stopwatch.GetElapsedTime(started) < duration)
            {
                await (random.Next(20) == 0 ? CutAsync(FuzzRequest.Next(random, mutator), random) : SendAsync(FuzzRequest.Next(random, mutator), random));
            }
        })));
        if (await api.TerminateAsync(TimeSpan.FromSeconds(30)) is not 0 and var code)
        {
            _violations.Add(ViolationKind.Other, $"the API ended with {code}");
        }

        new Outputs(folder, _violations).Save("api", api);
        CheckLog();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_requests:N0} requests, {_lines:N0} lines, {_accepted.Sum(group => group.Value.Count):N0} events accepted, {_cuts:N0} requests cut off; "
                + $"{(_violations.Any ? "differences: see above" : "no difference")}"));
    }

    private async Task SendAsync(FuzzRequest request, Random random)
    {
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _lines, request.IsBatch ? request.Events.Count + request.RejectedLines.Count : 1);
        var message = new HttpRequestMessage(HttpMethod.Post, request.IsBatch ? "/liveEvents?listed=1000" : "/liveEvent")
        {
            Content = new ByteArrayContent(request.Body),
        };
        message.Content.Headers.ContentType = random.Next(4) == 0 ? null : new MediaTypeHeaderValue(request.IsBatch ? "application/jsonl" : "application/json");
        message.Headers.TransferEncodingChunked = random.Next(4) == 0;
        if (request.IsGzip)
        {
            message.Content.Headers.ContentEncoding.Add("gzip");
        }

        var (status, text) = await _http.AskAsync(message);
        if (status is { } answered)
        {
            Check(request, answered, text);
        }
        else
        {
            _violations.Add(ViolationKind.Other, $"{request}: no answer: {text}");
        }
    }

    private void Check(FuzzRequest request, HttpStatusCode status, string text)
    {
        var mustBe = request.Events.Count > 0 ? HttpStatusCode.Accepted : HttpStatusCode.BadRequest;
        if (status != mustBe && !(request.IsDamaged && status == HttpStatusCode.BadRequest))
        {
            _violations.Add(ViolationKind.Other, $"{request}: got {(int)status} {text} for {request.Events.Count} events");
            return;
        }

        if (request.IsDamaged && status == HttpStatusCode.BadRequest)
        {
            // The API may have read any part of a damaged body.
            return;
        }

        using var json = JsonDocument.Parse(text);
        if (request.IsBatch && json.RootElement.TryGetProperty("rejected", out var rejected))
        {
            var lines = rejected.EnumerateArray().Select(line => line.GetProperty("line").GetInt64()).ToArray();
            if (!lines.SequenceEqual(request.RejectedLines) || json.RootElement.GetProperty("rejectedCount").GetInt64() != request.RejectedLines.Count)
            {
                _violations.Add(ViolationKind.Other, $"{request}: expected rejected lines {string.Join(' ', request.RejectedLines)}, but got {text}");
            }
        }

        if (status != HttpStatusCode.Accepted)
        {
            return;
        }

        if (request.IsBatch && json.RootElement.GetProperty("accepted").GetInt64() != request.Events.Count)
        {
            _violations.Add(ViolationKind.Other, $"{request}: expected {request.Events.Count} events, but got {text}");
        }

        if (!_accepted.TryAdd(json.RootElement.GetProperty("receipt").GetString()!, request.Events))
        {
            _violations.Add(ViolationKind.Lost, $"{request}: another request got the same receipt: {text}");
        }
    }

    /// <summary>Sends a part of a request and closes the connection. The API must append nothing, and other requests must not be affected.</summary>
    private async Task CutAsync(FuzzRequest request, Random random)
    {
        Interlocked.Increment(ref _cuts);
        var head = Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"POST {(request.IsBatch ? "/liveEvents" : "/liveEvent")} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                + $"{Installation.Secret}\r\nContent-Length: {request.Body.Length + 1}\r\n{(request.IsGzip ? "Content-Encoding: gzip\r\n" : "")}\r\n"));
        byte[] all = [.. head, .. request.Body];
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, new Uri(_installation.ApiUrl).Port);
        await client.GetStream().WriteAsync(all.AsMemory(0, random.Next(all.Length + 1)));
        await Task.Delay(random.Next(3));
        if (random.Next(2) == 0)
        {
            // Close the connection with a reset (RST) instead of a FIN.
            client.Client.Close(0);
        }
    }

    /// <summary>Checks that the log has every acknowledged group, ending at its receipt, and nothing else.</summary>
    private void CheckLog()
    {
        var group = new List<RevenueEvent>();
        var found = 0;
        try
        {
            foreach (var record in LogFiles.Read(_installation.File("events")))
            {
                group.Add(record.Event);
                if (!_accepted.TryGetValue(record.Receipt, out var events))
                {
                    continue;
                }

                if (!events.SequenceEqual(group))
                {
                    _violations.Add(ViolationKind.Lost, $"the log has {string.Join(", ", group)} instead of {string.Join(", ", events)}");
                }

                found++;
                group.Clear();
            }
        }
        catch (InvalidDataException broken)
        {
            _violations.Add(ViolationKind.Lost, broken.Message);
        }

        if (group.Count > 0)
        {
            _violations.Add(ViolationKind.Repeated, $"the log has {group.Count} events without a receipt: {group[0]}");
        }

        if (found != _accepted.Count)
        {
            _violations.Add(ViolationKind.Lost, $"{_accepted.Count - found} of {_accepted.Count} receipts name no record in the log");
        }
    }
}

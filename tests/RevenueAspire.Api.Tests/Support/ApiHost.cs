using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Reads a part of a log, with either engine.</summary>
internal delegate LogRead LogPart(long offset, Span<byte> destination);

/// <summary>The real API on a real Kestrel, at a free port of this process.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    public const string Secret = "s3cret";

    private readonly WebApplication _app;

    private ApiHost(WebApplication app, Uri address, string directory)
    {
        _app = app;
        Address = address;
        LogDirectory = directory;
        Client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public Uri Address { get; }

    public string LogDirectory { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>The log in files; null with the log in Postgres.</summary>
    public FileLogStore? Files => Services.GetService<FileLogStore>();

    public EventLogWriter Log => Services.GetRequiredService<EventLogWriter>();

    /// <param name="directory">Its folder <c>events</c> contains the log.</param>
    /// <param name="database">Connection string; null for no database.</param>
    /// <param name="settings">Settings as <c>Section:Key=value</c>.</param>
    public static Task<ApiHost> StartAsync(TempDirectory directory, string? database = null, params string[] settings) =>
        StartAsync(directory, database, null, settings);

    public static async Task<ApiHost> StartAsync(TempDirectory directory, string? database, Action<WebApplicationBuilder>? configure, params string[] settings)
    {
        var log = directory.File("events");
        string[] defaults = ["urls=http://127.0.0.1:0", "environment=Production", $"EventLog:Directory={log}", $"Ingest:Secrets={Secret}",
            "Logging:LogLevel:Default=Error", $"ConnectionStrings:revenuedb={database}"];
        var app = Program.Build([.. defaults.Concat(settings).Select(setting => "--" + setting)], configure);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new ApiHost(app, new Uri(address), log);
    }

    /// <summary>Sends a request with the secret. A header Authorization replaces the secret; with a null value, no secret is sent.</summary>
    public async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path)) { Content = content };
        if (!headers.Any(header => header.Name == "Authorization"))
        {
            request.Headers.TryAddWithoutValidation("Authorization", Secret);
        }

        foreach (var (name, value) in headers)
        {
            if (value is not null && !request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content!.Headers.TryAddWithoutValidation(name, value);
            }
        }

        using var response = await Client.SendAsync(request);
        return new Answer(response, await response.Content.ReadAsStringAsync());
    }

    public Task<Answer> GetAsync(string path, params (string Name, string? Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    public Task<Answer> PostEventAsync(string body, params (string Name, string? Value)[] headers) =>
        SendAsync(HttpMethod.Post, "/liveEvent", Body(body, "application/json"), headers);

    public Task<Answer> PostEventsAsync(string body, params (string Name, string? Value)[] headers) => PostEventsAsync(Encoding.UTF8.GetBytes(body), headers);

    public Task<Answer> PostEventsAsync(byte[] body, params (string Name, string? Value)[] headers) =>
        SendAsync(HttpMethod.Post, "/liveEvents", Body(body, "application/jsonl"), headers);

    public static ByteArrayContent Body(string body, string? contentType) => Body(Encoding.UTF8.GetBytes(body), contentType);

    public static ByteArrayContent Body(byte[] body, string? contentType)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = contentType is null ? null : MediaTypeHeaderValue.Parse(contentType);
        return content;
    }

    /// <summary>Opens a connection for requests that HttpClient would correct.</summary>
    public async Task<RawConnection> ConnectAsync()
    {
        var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(Address.Host, Address.Port);
        return new RawConnection(socket);
    }

    /// <summary>Sends one request unchanged (with Connection: close) and returns the whole answer.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        using var connection = await ConnectAsync();
        await connection.SendAsync(request);
        return await connection.ReadToEndAsync();
    }

    /// <summary>The durable records of the log, one line of JSON per record. With the log in Postgres, those of all API processes, oldest first.</summary>
    public List<JsonElement> Records() =>
        [.. ReadLog().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The same records as raw text.</summary>
    public string ReadLog()
    {
        if (Files is not null)
        {
            using var reader = EventLogReader.Open(LogDirectory);
            return Read(reader.FirstOffset, reader.ReadDurableMark(), reader.Read);
        }

        var database = Services.GetRequiredService<NpgsqlDataSource>();
        return string.Concat(PostgresLogs.ListAsync(database, CancellationToken.None).GetAwaiter().GetResult().Select(log =>
        {
            using var reader = PostgresLogReader.Open(database, log.LogId);
            return Read(log.FirstOffset, log.End, reader.Read);
        }));
    }

    /// <summary>Reads a part of a log.</summary>
    public static string Read(long from, long to, LogPart read)
    {
        var bytes = new byte[to - from];
        for (var done = 0; done < bytes.Length;)
        {
            var result = read(from + done, bytes.AsSpan(done));
            Assert.True(result.Count > 0, result.Damage);
            done += result.Count;
        }

        return Encoding.UTF8.GetString(bytes);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}

using System.Net;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>
/// One installation: a data folder, a database, ports, and the processes that use them. Disposal kills every process that it started.
/// </summary>
public sealed class Installation : IAsyncDisposable
{
    public const string Secret = "pipeline test";

    private readonly TempDirectory? _temporary;
    private readonly string _directory;
    private readonly List<ServiceProcess> _started = [];
    private readonly string _connectionString;
    private bool _disposed;

    /// <param name="connectionString">Connection string of the database; passed to the services unchanged.</param>
    /// <param name="directory">Data folder, which is kept; null for a temporary one, removed on disposal.</param>
    public Installation(string connectionString, string? directory = null)
    {
        _connectionString = connectionString;
        _temporary = directory is null ? new TempDirectory() : null;
        _directory = directory ?? _temporary!.Path;
    }

    public string ApiUrl { get; } = $"http://127.0.0.1:{FreePort.Next().ToString(null, null)}";

    /// <summary>Connection string of the database.</summary>
    public string ConnectionString => _connectionString;

    /// <summary>HTTP client for the API, with the secret.</summary>
    public HttpClient Http =>
        field ??= new HttpClient { BaseAddress = new Uri(ApiUrl), DefaultRequestHeaders = { { "Authorization", Secret } }, Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>Additional settings of processes that start later.</summary>
    public Dictionary<string, string?> Settings { get; } = [];

    private Dictionary<string, string?> Environment => new(Settings)
    {
        ["DOTNET_ENVIRONMENT"] = "Production",
        ["ASPNETCORE_URLS"] = ApiUrl,
        ["ConnectionStrings__revenuedb"] = _connectionString,
        ["Data__Directory"] = _directory,
        ["EventLog__Directory"] = File("events"),
        ["Ingest__Secrets__0"] = Secret,
        ["Client__Url"] = ApiUrl,
        ["Client__Secret"] = Secret,
    };

    /// <summary>Creates an installation on a new, empty database of the tests' server, or on the given one.</summary>
    public static async Task<Installation> CreateAsync(string? connectionString = null) => new(connectionString ?? await TestPostgres.CreateDatabaseAsync());

    /// <summary>Creates an installation with an unavailable database: nothing listens on its port.</summary>
    public static Installation WithoutDatabase() => new($"Host=127.0.0.1;Port={FreePort.Next()};Username=postgres;Password=not-to-be-shown;Database=revenuedb");

    public string File(string name) => Path.Combine(_directory, name);

    /// <summary>Starts the API and waits until it is healthy.</summary>
    public async Task<ServiceProcess> StartApiAsync()
    {
        var api = Start("RevenueAspire.Api");
        await api.WaitForUrlAsync(ApiUrl + "/health");
        return api;
    }

    /// <summary>Starts a processor that follows the log; does not wait until it is ready.</summary>
    public ServiceProcess StartProcessor() => Start("RevenueAspire.Processor");

    /// <summary>Starts any of the executables with this installation's settings.</summary>
    public ServiceProcess Start(string project, params string[] arguments) => Start(project, new Dictionary<string, string?>(), arguments);

    /// <summary>Starts any of the executables with this installation's settings; additional settings override them.</summary>
    /// <exception cref="ObjectDisposedException">The installation is disposed, so it could not end the process.</exception>
    public ServiceProcess Start(string project, IReadOnlyDictionary<string, string?> settings, params string[] arguments)
    {
        var environment = Environment;
        foreach (var (name, value) in settings)
        {
            environment[name] = value;
        }

        lock (_started)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var process = ServiceProcess.Start(project, arguments, environment, _directory);
            _started.Add(process);
            return process;
        }
    }

    /// <summary>Runs an executable until it exits.</summary>
    public async Task<ServiceProcess> RunAsync(string project, params string[] arguments)
    {
        var process = Start(project, arguments);
        await process.WaitForExitAsync(TimeSpan.FromSeconds(60));
        return process;
    }

    /// <summary>POSTs an event with a key until the API acknowledges it, even through kills and restarts; returns the receipt.</summary>
    public async Task<string> PostUntilAcknowledgedAsync(RevenueEvent e, string key) =>
        await Eventually.GetAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent")
                {
                    Content = new StringContent(e.ToJson(), Encoding.UTF8, "application/json"),
                };
                request.Headers.Add("Idempotency-Key", key);
                using var response = await Http.SendAsync(request);
                var body = await response.Content.ReadAsStringAsync();
                return response.StatusCode switch
                {
                    HttpStatusCode.Accepted => JsonDocument.Parse(body).RootElement.GetProperty("receipt").GetString(),
                    HttpStatusCode.ServiceUnavailable => null,
                    _ => throw new InvalidOperationException($"{(int)response.StatusCode} {body}"),
                };
            },
            TimeSpan.FromSeconds(40),
            $"acknowledgement of {key}");

    /// <summary>Reads the revenue over HTTP. Waits until the ledger has the receipt's event, even if the processor starts slowly.</summary>
    public async Task<BigInteger?> RevenueAfterAsync(string userId, string receipt)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await RevenueAsync(userId, receipt);
            }
            catch (HttpRequestException exception) when (exception.StatusCode == HttpStatusCode.ServiceUnavailable && attempt < 6)
            {
                // The request has waited for Api:ReadAfterTimeout, so repeat it.
            }
        }
    }

    /// <summary>Revenue over HTTP, or null for 404.</summary>
    public async Task<BigInteger?> RevenueAsync(string userId, string? after = null)
    {
        var query = "/userEvents?userId=" + Uri.EscapeDataString(userId) + (after == null ? "" : "&after=" + Uri.EscapeDataString(after));
        using var response = await Http.GetAsync(new Uri(query, UriKind.Relative));
        var body = await response.Content.ReadAsStringAsync();
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => null,
            HttpStatusCode.OK => BigInteger.Parse(JsonDocument.Parse(body).RootElement.GetProperty("revenue").GetRawText(), null),
            _ => throw new HttpRequestException($"{query}: {(int)response.StatusCode} {body}", null, response.StatusCode),
        };
    }

    /// <summary>The ledger's current balances.</summary>
    public async Task<Totals> LedgerAsync()
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return await Totals.ReadAsync(connection);
    }

    /// <summary>Number of records in the log's segments.</summary>
    public int LogLines() => Directory.EnumerateFiles(File("events")).Where(file => char.IsAsciiDigit(Path.GetFileName(file)[0]))
        .Sum(file => System.IO.File.ReadAllBytes(file).Count(b => b == '\n'));

    /// <summary>Waits until the ledger equals the oracle, and confirms it with <c>verify</c>.</summary>
    public async Task AssertLedgerAsync(Totals expected, TimeSpan? limit = null)
    {
        var last = "";
        try
        {
            await Eventually.IsTrueAsync(async () => (last = expected.DifferenceTo(await LedgerAsync())).Length == 0, limit, "the ledger equals the oracle");
        }
        catch (TimeoutException exception)
        {
            throw new InvalidOperationException($"{exception.Message} {last}. {Seed.Hint}\n{Outputs()}", exception);
        }

        await using var verify = await RunAsync("RevenueAspire.Processor", "verify");
        Require(verify.ExitCode == 0, $"verify: {verify.ExitCode}\n{verify.Output}\n{Seed.Hint}");

        // Compare again, because an event that counts twice could arrive after the first comparison.
        var late = expected.DifferenceTo(await LedgerAsync());
        Require(late.Length == 0, $"{late}. {Seed.Hint}\n{Outputs()}");
    }

    /// <summary>The last lines of each process, for messages.</summary>
    public string Outputs()
    {
        lock (_started)
        {
            return string.Join('\n', _started.Select(process => $"--- process {process.Id}\n{process.Output[Math.Max(0, process.Output.Length - 1500)..]}"));
        }
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        ServiceProcess[] started;
        lock (_started)
        {
            _disposed = true;
            started = [.. _started];
        }

        foreach (var process in started)
        {
            await process.DisposeAsync();
        }

        Http.Dispose();
        _temporary?.Dispose();
    }
}

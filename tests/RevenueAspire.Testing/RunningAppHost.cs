using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RevenueAspire.Testing;

/// <summary>Runs the AppHost as a process with the environment of its http launch profile, and with separate data and ports. Disposal kills it.</summary>
public sealed class RunningAppHost : IAsyncDisposable
{
    /// <summary>Time limit from the start until every service works.</summary>
    public static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    /// <summary>Time limit from Ctrl+C until the process exits.</summary>
    public static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private const string LoginLine = "Login to the dashboard at ";

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private RunningAppHost(ServiceProcess process, int apiPort, int clientPort) => (Process, ApiPort, ClientPort) = (process, apiPort, clientPort);

    public ServiceProcess Process { get; }

    public int ApiPort { get; }

    public int ClientPort { get; }

    private static string Project { get; } = Path.Combine(Repository.Root, "RevenueAspire.AppHost");

    /// <summary>Starts the AppHost with a local Postgres; does not wait until it is ready.</summary>
    /// <param name="data">The data directory; it may not exist yet.</param>
    /// <param name="environment">Variables that override those of the launch profile; null removes a variable.</param>
    /// <param name="arguments">Settings, after the test's own; the last value of a setting applies.</param>
    public static RunningAppHost Start(string data, IReadOnlyDictionary<string, string?>? environment = null, params string[] arguments) =>
        Start(data, FreePort.Next(), FreePort.Next(), environment, arguments);

    /// <inheritdoc cref="Start(string, IReadOnlyDictionary{string, string?}?, string[])"/>
    public static RunningAppHost Start(string data, int apiPort, int clientPort, IReadOnlyDictionary<string, string?>? environment = null,
        params string[] arguments)
    {
        // Aspire chooses the dashboard's ports, so several AppHosts can run at once.
        var all = new Dictionary<string, string?> { ["DOTNET_ENVIRONMENT"] = "Development", ["ASPNETCORE_ENVIRONMENT"] = "Development" };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            all[name] = value;
        }

        string[] settings =
        [
            "--Postgres:Mode=local",
            $"--Data:Directory={data}",
            string.Create(CultureInfo.InvariantCulture, $"--Ports:Api={apiPort}"),
            string.Create(CultureInfo.InvariantCulture, $"--Ports:Client={clientPort}"),
        ];
        var executable = Path.Combine(Project, "bin", Repository.Configuration, "net10.0", "RevenueAspire.AppHost.dll");
        return new RunningAppHost(ServiceProcess.Start(executable, [.. settings, .. arguments], all, Project), apiPort, clientPort);
    }

    /// <summary>Waits until the client works. The client starts after the API, which starts after the database.</summary>
    public Task WaitUntilUpAsync() => Process.WaitForUrlAsync(string.Create(CultureInfo.InvariantCulture, $"http://localhost:{ClientPort}/health"), StartLimit);

    /// <summary>The dashboard's address, with the login token.</summary>
    public async Task<string> LoginUrlAsync()
    {
        var line = await Process.WaitForLineAsync(LoginLine, StartLimit);
        return line[(line.IndexOf(LoginLine, StringComparison.Ordinal) + LoginLine.Length)..].Trim();
    }

    /// <summary>The revenue of a user; null if the ledger has none.</summary>
    public async Task<long?> RevenueAsync(string userId)
    {
        using var answer = await _http.GetAsync(new Uri($"http://localhost:{ApiPort}/userEvents/{userId}"));
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        using var body = JsonDocument.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync());
        return body.RootElement.GetProperty("revenue").GetInt64();
    }

    public Task HasRevenueAsync(string userId, long revenue) => Eventually.EqualsAsync<long?>(revenue, () => RevenueAsync(userId), StartLimit);

    /// <summary>Makes the client send its file. Waits while the client is still sending the file at its start (409).</summary>
    public Task GenerateEventsAsync() => Eventually.EqualsAsync(HttpStatusCode.OK, async () =>
    {
        using var answer = await _http.PostAsync(new Uri($"http://localhost:{ClientPort}/generateEvents"), null);
        return answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict ? answer.StatusCode
            : throw new InvalidOperationException($"generateEvents answered {answer.StatusCode}.");
    });

    /// <summary>Sends Ctrl+C; returns the exit code.</summary>
    /// <exception cref="TimeoutException">The process still ran after <see cref="StopLimit"/>.</exception>
    public async Task<int> InterruptAsync()
    {
        Process.Send(Signal.Interrupt);
        return await Process.WaitForExitAsync(StopLimit);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Process.DisposeAsync();
    }
}

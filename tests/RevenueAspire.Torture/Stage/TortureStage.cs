using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>Everything that runs: a database server, the API, processors, and a proxy before each of the two that are spoken to.</summary>
internal sealed class TortureStage : IAsyncDisposable
{
    public const int ProcessorCount = 3;
    private const int ReplicaCount = 2;
    private const int RememberedMarks = 100;

    /// <summary>Keys that the API remembers where the log is removed behind the ledger: as few as the clients here can do with.</summary>
    private const int SmallKeyWindow = 2_500;
    private static readonly TimeSpan WatchPause = TimeSpan.FromMilliseconds(100);
    private readonly Installation _installation;
    private readonly string[] _apiUrls;
    private readonly CancellationTokenSource _stop = new();
    private readonly Random _random;
    private readonly Queue<long> _marks = new();
    private Task _watching = Task.CompletedTask;

    private TortureStage(string folder, LogEngine engine, ReplicatedPostgres? replicas, bool retains, Random random, Violations violations)
    {
        (Folder, Engine, Retains, Violations, _random) = (folder, engine, retains, violations, random);
        var port = FreePort.Next();
        Outputs = new Outputs(Directory.CreateDirectory(Path.Combine(folder, "logs")).FullName, violations);
        Clock = new FakeClock(folder);
        Clock.JumpTo(TimeSpan.Zero);
        var postgres = Directory.CreateDirectory(Path.Combine(folder, "postgres")).FullName;
        PostgresDisk = TmpfsMount.TryMount(postgres);
        Postgres = new PostgresHost(Path.Combine(postgres, "data"), port, Path.Combine(Outputs.Folder, "postgres.log"), replicas);
        DatabaseProxy = new FaultyProxy(port);
        _installation = new Installation(Postgres.ForServices(DatabaseProxy.Port), Directory.CreateDirectory(Path.Combine(folder, "data")).FullName);
        if (engine == LogEngine.Postgres)
        {
            _installation.Settings["EventLog__Engine"] = "Postgres";
        }

        _apiUrls = [_installation.ApiUrl, .. Enumerable.Range(1, engine == LogEngine.Postgres ? ReplicaCount - 1 : 0).Select(_ => $"http://127.0.0.1:{FreePort.Next()}")];
        int[] ports = [.. _apiUrls.Select(url => new Uri(url).Port)];
        ApiProxies = [.. ports.Select(port => new FaultyProxy(port)), .. ports.Length == 1 ? (FaultyProxy[])[] : [new FaultyProxy(ports)]];
        Files = Directory.CreateDirectory(Path.Combine(folder, "files")).FullName;
        Apis = [.. _apiUrls.Select((url, i) => new Service(i == 0 ? "api" : $"api-{i + 1}", () => _installation.Start("RevenueAspire.Api", ApiSettings(url)), Outputs, violations))];
        Client = new Service("client-service", () => _installation.Start("RevenueAspire.Client", ClientSettings()), Outputs, violations);
        Processors = [.. Enumerable.Range(1, ProcessorCount).Select(i => new Service($"processor-{i}", () => _installation.Start("RevenueAspire.Processor", NextProcessorSettings()), Outputs, violations))];
    }

    public string Folder { get; }

    public LogEngine Engine { get; }

    /// <summary>Whether what the ledger has is removed from the log, and keys are forgotten, while the run lasts.</summary>
    public bool Retains { get; }

    /// <summary>How many keyed requests the API surely remembers.</summary>
    public long KeyWindow => Retains ? SmallKeyWindow : long.MaxValue;

    public Violations Violations { get; }

    public Outputs Outputs { get; }

    public PostgresHost Postgres { get; }

    /// <summary>The disk of the database, where it can be made full; else null.</summary>
    public TmpfsMount? PostgresDisk { get; }

    /// <summary>The clock of API and processors.</summary>
    public FakeClock Clock { get; }

    public FaultyProxy DatabaseProxy { get; }

    /// <summary>A proxy before each process of the API; and where there are several, one before them all, which gives each a connection in turn.</summary>
    public IReadOnlyList<FaultyProxy> ApiProxies { get; }

    /// <summary>The processes of the API: one for a log in files.</summary>
    public IReadOnlyList<Service> Apis { get; }

    public IReadOnlyList<Service> Processors { get; }

    /// <summary>The product's client as a service, which sends <see cref="ClientFile"/> when it is asked to.</summary>
    public Service Client { get; }

    /// <summary>Of <see cref="Client"/>.</summary>
    public string ClientUrl { get; } = $"http://127.0.0.1:{FreePort.Next()}";

    /// <inheritdoc cref="ClientUrl"/>
    public string ClientFile => Path.Combine(Files, "service.jsonl");

    /// <summary>One fault at a time may take the API, or the database server, away.</summary>
    public SemaphoreSlim ApiGate { get; } = new(1);

    /// <inheritdoc cref="ApiGate"/>
    public SemaphoreSlim PostgresGate { get; } = new(1);

    /// <summary>Folder for generated files.</summary>
    public string Files { get; }

    /// <summary>Folder of the log in files.</summary>
    public string Log => _installation.File("events");

    /// <summary>The addresses of the API through the proxies.</summary>
    private IReadOnlyList<Uri> ApiUrls => [.. ApiProxies.Select(proxy => new Uri($"http://127.0.0.1:{proxy.Port}"))];

    private IEnumerable<Service> Services => Processors.Concat(Apis).Append(Client);

    /// <summary>Durable marks that were seen lately, oldest first: what may be on disk after a power cut, since the mark itself is not fsynced.</summary>
    public long[] SeenMarks()
    {
        lock (_marks)
        {
            return [.. _marks];
        }
    }

    /// <summary>Waits until a process of the API answers, past its proxy.</summary>
    public async Task WaitForApiAsync(Service api)
    {
        var url = _apiUrls[Apis.ToList().IndexOf(api)];
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await Eventually.IsTrueAsync(async () =>
        {
            using var answer = await http.GetAsync(new Uri(url + "/alive"));
            return answer.IsSuccessStatusCode;
        });
    }

    public static async Task<TortureStage> StartAsync(string folder, LogEngine engine, ReplicatedPostgres? replicas, bool retains, Random random, Violations violations)
    {
        var stage = new TortureStage(folder, engine, replicas, retains, random, violations);
        try
        {
            await stage.Postgres.EnsureRunningAsync();
            await Task.WhenAll(stage.Services.Select(service => service.StartAsync()));
            stage._watching = stage.WatchAsync();
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    /// <summary>HTTP to a process of the API through its proxy, with the secret.</summary>
    public HttpClient CreateHttp(TimeSpan timeout, int replica = 0) => new() { BaseAddress = ApiUrls[replica], DefaultRequestHeaders = { { "Authorization", Installation.Secret } }, Timeout = timeout };

    /// <summary>Starts a command of the client or the processor.</summary>
    public ServiceProcess StartCommand(string project, params string[] arguments) => StartCommand(project, new Dictionary<string, string?>(), arguments);

    /// <summary>Starts a command of the client or the processor, with other settings than the services.</summary>
    public ServiceProcess StartCommand(string project, IReadOnlyDictionary<string, string?> others, params string[] arguments)
    {
        var settings = project == "RevenueAspire.Processor" ? NextProcessorSettings() : [];
        settings["Client__Url"] = ApiUrls[^1].ToString();
        foreach (var (name, value) in others)
        {
            settings[name] = value;
        }

        return _installation.Start(project, settings, arguments);
    }

    /// <summary>Takes away whatever a fault may have left behind.</summary>
    public async Task HealAsync()
    {
        DatabaseProxy.Heal();
        foreach (var proxy in ApiProxies)
        {
            proxy.Heal();
        }

        PostgresDisk?.Heal();
        await Postgres.EnsureRunningAsync();
        foreach (var service in Services)
        {
            service.Send(Signal.Continue);
            await service.StartAsync();
        }
    }

    /// <summary>Ends the services as a user would.</summary>
    public async Task StopServicesAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        await Task.WhenAll(Services.Select(service => service.StopAsync()));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        await _installation.DisposeAsync();
        await DatabaseProxy.DisposeAsync();
        foreach (var proxy in ApiProxies)
        {
            await proxy.DisposeAsync();
        }

        await Postgres.DisposeAsync();
        PostgresDisk?.Dispose();
        foreach (var service in Services)
        {
            service.Dispose();
        }

        _stop.Dispose();
        ApiGate.Dispose();
        PostgresGate.Dispose();
    }

    /// <summary>Others each time: processors with different settings work on one source. Small, so that every path is taken.</summary>
    private Dictionary<string, string?> NextProcessorSettings()
    {
        lock (_random)
        {
            return new Dictionary<string, string?>(Clock.Settings)
            {
                ["Processor__LeaseSeconds"] = Text(_random.Next(2, 5)),
                ["Processor__LiveRangeBytes"] = Text(_random.Next(4_000, 100_000)),
                ["Processor__RangeBytes"] = Text(_random.Next(10_000, 500_000)),
                ["Processor__BlockBytes"] = Text(_random.Next(1_000, 100_000)),
                ["Processor__MaxUsersPerRange"] = Text(_random.Next(50, 3_000)),
                ["Processor__MaxRejectsPerRange"] = Text(_random.Next(5, 200)),
                ["Processor__MergeBatchRows"] = Text(_random.Next(10, 500)),
                ["Processor__Connections"] = Text(_random.Next(1, 4)),
                ["Processor__RetrySeconds"] = "30",
            };
        }
    }

    private Dictionary<string, string?> ApiSettings(string url)
    {
        var settings = new Dictionary<string, string?>(Clock.Settings) { ["ASPNETCORE_URLS"] = url, ["EventLog__SegmentBytes"] = Retains ? "200000" : "1000000" };
        if (Retains)
        {
            settings["EventLog__Retention"] = "Applied";
            settings["EventLog__RetainBytes"] = "600000";
            settings["EventLog__KeyWindow"] = Text(SmallKeyWindow);
        }

        return settings;
    }

    private Dictionary<string, string?> ClientSettings() => new()
    {
        ["ASPNETCORE_URLS"] = ClientUrl,
        ["Client__Url"] = ApiUrls[^1].ToString(),
        ["Client__File"] = ClientFile,
        ["Client__Concurrency"] = "16",
        ["Client__RequestTimeoutSeconds"] = "10",
    };

    private async Task WatchAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            foreach (var service in Services)
            {
                await service.WatchAsync();
            }

            if (Engine == LogEngine.Files)
            {
                NoteMark();
            }

            await Task.Delay(WatchPause);
        }
    }

    private void NoteMark()
    {
        var mark = LogFiles.ReadMark(Log);
        lock (_marks)
        {
            _marks.Enqueue(mark);
            if (_marks.Count > RememberedMarks)
            {
                _marks.Dequeue();
            }
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

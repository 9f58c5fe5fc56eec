using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>All processes of a run: a database server, the API, processors, and a proxy in front of the database and of each API process.</summary>
internal sealed class TortureStage : IAsyncDisposable
{
    public const int ProcessorCount = 3;
    private const int ReplicaCount = 2;
    private const int RememberedMarks = 100;
    private static readonly TimeSpan WatchPause = TimeSpan.FromMilliseconds(100);
    private readonly Installation _installation;
    private readonly string[] _apiUrls;
    private readonly CancellationTokenSource _stop = new();
    private readonly ServiceSettings _settings;
    private readonly Queue<long> _marks = new();
    private Task _watching = Task.CompletedTask;

    private TortureStage(string folder, LogEngine engine, ReplicatedPostgres? replicas, string? poolerProgram, bool retains, Random random,
        Violations violations)
    {
        (Folder, Engine, Retains, Violations) = (folder, engine, retains, violations);
        var port = FreePort.Next();
        Outputs = new Outputs(Directory.CreateDirectory(Path.Combine(folder, "logs")).FullName, violations);
        Clock = new FakeClock(folder);
        Clock.JumpTo(TimeSpan.Zero);
        _settings = new ServiceSettings(random, Clock, retains);
        var postgres = Directory.CreateDirectory(Path.Combine(folder, "postgres")).FullName;
        PostgresDisk = TmpfsMount.TryMount(postgres);
        Postgres = new PostgresHost(Path.Combine(postgres, "data"), port, Path.Combine(Outputs.Folder, "postgres.log"), replicas);
        Pooler = poolerProgram is null ? null : new Pooler(poolerProgram, Postgres, Path.Combine(Outputs.Folder, "pooler.log"), random);
        DatabaseProxy = new FaultProxy(Pooler?.PgBouncer.Port ?? port);
        _installation = new Installation(Postgres.ForServices(DatabaseProxy.Port) + Pooler?.Keywords,
            Directory.CreateDirectory(Path.Combine(folder, "data")).FullName);
        if (Pooler?.HasSessionConnection == true)
        {
            _installation.Settings["ConnectionStrings__revenuedb-session"] = Postgres.ForServices(port);
        }

        if (engine == LogEngine.Postgres)
        {
            _installation.Settings["EventLog__Engine"] = "Postgres";
        }

        _apiUrls = [_installation.ApiUrl,
            .. Enumerable.Range(1, engine == LogEngine.Postgres ? ReplicaCount - 1 : 0).Select(_ => $"http://127.0.0.1:{FreePort.Next()}")];
        int[] ports = [.. _apiUrls.Select(url => new Uri(url).Port)];
        ApiProxies = [.. ports.Select(port => new FaultProxy(port)), .. ports.Length == 1 ? (FaultProxy[])[] : [new FaultProxy(ports)]];
        Files = Directory.CreateDirectory(Path.Combine(folder, "files")).FullName;
        Apis = [.. _apiUrls.Select((url, i) =>
            new Service(i == 0 ? "api" : $"api-{i + 1}", () => _installation.Start("RevenueAspire.Api", _settings.Api(url)), Outputs, violations))];
        Client = new Service("client-service", () =>
            _installation.Start("RevenueAspire.Client", ServiceSettings.Client(ClientUrl, ApiUrls[^1].ToString(), ClientFile)), Outputs, violations);
        Processors = [.. Enumerable.Range(1, ProcessorCount).Select(i =>
            new Service($"processor-{i}", () => _installation.Start("RevenueAspire.Processor", _settings.NextProcessor()), Outputs, violations, Refusals))];
    }

    public string Folder { get; }

    public LogEngine Engine { get; }

    /// <summary>Whether the API removes applied segments and forgets keys during the run.</summary>
    public bool Retains { get; }

    /// <summary>Number of the newest keyed requests that the API certainly remembers.</summary>
    public long KeyWindow => Retains ? ServiceSettings.SmallKeyWindow : long.MaxValue;

    public Violations Violations { get; }

    public Outputs Outputs { get; }

    public PostgresHost Postgres { get; }

    /// <summary>The disk of the database if a fault can fill it; else null.</summary>
    public TmpfsMount? PostgresDisk { get; }

    /// <summary>The clock of API and processors.</summary>
    public FakeClock Clock { get; }

    /// <summary>Proxy to the database server, or to the pooler if there is one.</summary>
    public FaultProxy DatabaseProxy { get; }

    /// <summary>Allowed refusals of services at their start.</summary>
    public Refusals Refusals { get; } = new();

    /// <summary>The pooler between the services and the database server, or null.</summary>
    public Pooler? Pooler { get; }

    /// <summary>A proxy per API process; with several processes, also one that distributes its connections among all of them.</summary>
    public IReadOnlyList<FaultProxy> ApiProxies { get; }

    /// <summary>The API processes; a single one for a log in files.</summary>
    public IReadOnlyList<Service> Apis { get; }

    public IReadOnlyList<Service> Processors { get; }

    /// <summary>The product's client as a service, which sends <see cref="ClientFile"/> on request.</summary>
    public Service Client { get; }

    /// <summary>Address of <see cref="Client"/>.</summary>
    public string ClientUrl { get; } = $"http://127.0.0.1:{FreePort.Next()}";

    /// <summary>The file that <see cref="Client"/> sends.</summary>
    public string ClientFile => Path.Combine(Files, "service.jsonl");

    /// <summary>Allows one fault at a time to disturb the API.</summary>
    public SemaphoreSlim ApiGate { get; } = new(1);

    /// <summary>Allows one fault at a time to disturb the database server.</summary>
    public SemaphoreSlim PostgresGate { get; } = new(1);

    /// <summary>Folder for generated files.</summary>
    public string Files { get; }

    /// <summary>Folder of the log in files.</summary>
    public string Log => _installation.File("events");

    /// <summary>The addresses of the API through the proxies.</summary>
    private IReadOnlyList<Uri> ApiUrls => [.. ApiProxies.Select(proxy => new Uri($"http://127.0.0.1:{proxy.Port}"))];

    private IEnumerable<Service> Services => Processors.Concat(Apis).Append(Client);

    /// <summary>Recent durable marks, oldest first. The mark itself is not fsynced, so any of them may be on disk after a power cut.</summary>
    public long[] SeenMarks()
    {
        lock (_marks)
        {
            return [.. _marks];
        }
    }

    /// <summary>Waits until an API process answers, without its proxy.</summary>
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

    public static async Task<TortureStage> StartAsync(string folder, LogEngine engine, ReplicatedPostgres? replicas, string? poolerProgram, bool retains,
        Random random, Violations violations)
    {
        var stage = new TortureStage(folder, engine, replicas, poolerProgram, retains, random, violations);
        try
        {
            await stage.Postgres.EnsureRunningAsync();
            await (stage.Pooler?.HealAsync() ?? Task.CompletedTask);
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

    /// <summary>HTTP client for an API process, through its proxy, with the secret.</summary>
    public HttpClient CreateHttp(TimeSpan timeout, int replica = 0) =>
        new() { BaseAddress = ApiUrls[replica], DefaultRequestHeaders = { { "Authorization", Installation.Secret } }, Timeout = timeout };

    /// <summary>Starts a command of the client or the processor.</summary>
    public ServiceProcess StartCommand(string project, params string[] arguments) => StartCommand(project, new Dictionary<string, string?>(), arguments);

    /// <summary>Starts a command of the client or the processor, with additional settings.</summary>
    public ServiceProcess StartCommand(string project, IReadOnlyDictionary<string, string?> others, params string[] arguments)
    {
        var settings = project == "RevenueAspire.Processor" ? _settings.NextProcessor() : [];
        settings["Client__Url"] = ApiUrls[^1].ToString();
        foreach (var (name, value) in others)
        {
            settings[name] = value;
        }

        return _installation.Start(project, settings, arguments);
    }

    /// <summary>Undoes all remaining effects of faults.</summary>
    public async Task HealAsync()
    {
        DatabaseProxy.Heal();
        foreach (var proxy in ApiProxies)
        {
            proxy.Heal();
        }

        PostgresDisk?.Heal();
        await Postgres.EnsureRunningAsync();
        await (Pooler?.HealAsync() ?? Task.CompletedTask);
        foreach (var service in Services)
        {
            service.Send(Signal.Continue);
            await service.StartAsync();
        }
    }

    /// <summary>Ends the services with SIGTERM, as a user would.</summary>
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

        await (Pooler?.DisposeAsync() ?? ValueTask.CompletedTask);
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
}

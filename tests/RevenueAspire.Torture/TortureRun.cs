using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Faults;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Report;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture;

/// <summary>One run: starts the services, drives load and faults, heals, waits for the ledger to catch up, checks, and reports.</summary>
internal sealed class TortureRun : IDisposable
{
    private const int HttpClients = 5;
    private const int CouldNotCheck = 1;
    private const int VerifyAttempts = 4;
    private const double OverlapShare = 0.25;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FinishLimit = TimeSpan.FromSeconds(90);
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly TortureSettings _settings;
    private readonly TortureStage _stage;
    private readonly Sent _sent = new();
    private readonly FaultLog _faults = new();
    private readonly Commands _commands;
    private readonly RecordKeeper? _keeper;

    private TortureRun(TortureSettings settings, TortureStage stage)
    {
        (_settings, _stage) = (settings, stage);
        _commands = new Commands(stage);
        _keeper = stage.Retains ? new RecordKeeper(stage.Log) : null;
    }

    /// <summary>Runs the tool with the given settings.</summary>
    /// <returns>0 if no promise was broken, else 1.</returns>
    public static Task<int> RunAsync(TortureSettings settings, CancellationToken cancellationToken) =>
        RunFolder.UseAsync("torture", settings.Seed, settings.Replay, settings.Keep, async (folder, violations) =>
        {
            await using var replicas = FaultKinds.NeedStandbys(settings.Kinds) ? await ReplicatedPostgres.StartAsync() : null;
            await using var stage = await TortureStage.StartAsync(folder, settings.Engine, replicas,
                settings.Kinds.Contains(FaultKinds.Pooler) ? PgBouncer.Find() : null, settings.Retains, new Random(settings.Seed), violations);
            using var run = new TortureRun(settings, stage);

            // After a cancellation, do not wait for pending faults and answers, because the stage ends the processes.
            await run.RunAsync().WaitAsync(cancellationToken);
        }, cancellationToken);

    public void Dispose()
    {
        // Stop the remaining load: its services have ended.
        _stop.Cancel();
        _giveUp.Cancel();
        _keeper?.Dispose();
        _stop.Dispose();
        _giveUp.Dispose();
    }

    private async Task RunAsync()
    {
        if (_stage.Pooler is { } pooler)
        {
            Say(pooler.ToString());
        }

        using var probe = new Probe(_stage, _sent);
        if (await probe.MeasureAsync(WarmUp) is null)
        {
            throw new InvalidOperationException($"The services did not begin to work within {WarmUp.TotalSeconds} s; see {_stage.Outputs.Folder}.");
        }

        var http = Enumerable.Range(1, HttpClients).Select(i => new HttpLoad(_stage, _sent, new Random(_settings.Seed + i), $"h{i}")).ToArray();
        var files = new FileLoad(_stage, _commands, new Random(_settings.Seed - 1));
        var load = Task.WhenAll(
        [
            .. http.Select(client => Task.Run(() => client.RunAsync(_stop.Token, _giveUp.Token), CancellationToken.None)),
            Task.Run(() => files.RunAsync(_stop.Token), CancellationToken.None),
            Task.Run(() => new ClientLoad(_stage, _commands, _sent, new Random(_settings.Seed - 2)).RunAsync(_stop.Token), CancellationToken.None),
            Task.Run(() => new ServiceLoad(_stage, _sent, new Random(_settings.Seed - 3)).RunAsync(_stop.Token, _giveUp.Token), CancellationToken.None),
        ]);
        await InjectAsync(probe, files, load);
        await _stage.HealAsync();
        await _stop.CancelAsync();
        _giveUp.CancelAfter(FinishLimit);
        await load;
        Array.ForEach(http, client => client.Dispose());
        await CheckAsync(files.Files);
    }

    /// <summary>Injects one fault after the other, sometimes two at a time, until the time is up.</summary>
    private async Task InjectAsync(Probe probe, FileLoad files, Task load)
    {
        var deck = new FaultDeck(_settings.Kinds, _settings.Engine, _settings.Seed);
        var random = new Random(_settings.Seed ^ 0x5eed);
        while (Stopwatch.GetElapsedTime(_started) < _settings.Duration && !_stop.IsCancellationRequested)
        {
            if (load.IsFaulted)
            {
                await load;
            }

            if (deck.IsEmpty)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
                continue;
            }

            var drawn = new List<(Fault Fault, Random Random)> { deck.Draw() };
            if (random.NextDouble() < OverlapShare)
            {
                drawn.Add(deck.Draw());
            }

            var details = await Task.WhenAll(drawn.Select(one => one.Fault.RunAsync(new FaultContext(_stage, _commands, files, one.Random))));
            var recovery = await probe.MeasureAsync(RecoveryLimit);
            foreach (var ((fault, _), detail) in drawn.Zip(details))
            {
                _faults.Add(fault.Kind, recovery);
                Say($"{fault.Kind,-8} {fault.Name}{(detail.Length > 0 ? ": " + detail : "")}; "
                    + $"{(recovery is { } time ? string.Create(CultureInfo.InvariantCulture, $"recovered in {time.TotalSeconds:0.0} s") : "no recovery")}");
            }

            if (recovery is null)
            {
                _stage.Violations.Add(ViolationKind.Other,
                    $"no recovery within {RecoveryLimit.TotalSeconds} s of {string.Join(" and ", drawn.Select(one => one.Fault.Name))}");
                await _stage.HealAsync();
            }

            await Task.Delay(random.Next(300), CancellationToken.None);
        }
    }

    private async Task CheckAsync(List<CountedFile> files)
    {
        Say("checking");
        var records = new List<LogRecord>();
        if (await LedgerCheck.WaitUntilQuietAsync(_settings.Engine == LogEngine.Files ? _stage.Log : null, _stage.Postgres, _stage.Violations))
        {
            try
            {
                records.AddRange(_keeper?.Finish() ?? (_settings.Engine == LogEngine.Files ? LogFiles.Read(_stage.Log)
                    : await LogTables.ReadAsync(_stage.Postgres)));
                PromiseCheck.Run(records, _sent, _stage.Violations);
                var log = new Totals();
                records.ForEach(record => log.Add(record.Event));
                await LedgerCheck.RunAsync(_stage.Postgres, log, files, _stage.Violations);
            }
            catch (InvalidDataException broken)
            {
                _stage.Violations.Add(ViolationKind.Lost, broken.Message);
            }

            await VerifyAsync();
        }

        await _stage.StopServicesAsync();
        if (_settings is { Engine: LogEngine.Files, Retains: false } && _settings.Kinds.Contains(FaultKinds.Disk) && records.Count > 0)
        {
            var copies = await DamageCheck.RunAsync(_stage, records, new Random(_settings.Seed));
            Say(copies > 0 ? "checked copies of the log with a damaged byte and without a segment" : "the log is too short to damage a copy of it");
        }

        ResultTable.Write(Results(records.Count, files.Count), _stage.Violations);
    }

    private IEnumerable<(string Name, string Value)> Results(int records, int files) =>
    [
        ("Seed", _settings.Seed.ToString(CultureInfo.InvariantCulture)),
        ("Events acknowledged",
            ResultTable.Number(_sent.All.Where(request => request.State == RequestState.Acknowledged).Sum(request => request.Events.Count))),
        ("Records in the log", ResultTable.Number(records)),
        ("Files counted", ResultTable.Number(files)),
        .. _faults.Summarize(),
    ];

    /// <summary>Runs the product's own check. If retention has removed a part of the log, the check must report that it could not compare.</summary>
    private async Task VerifyAsync()
    {
        var removed = _settings.Retains && LogFiles.Segments(_stage.Log)[0].Start is > 0 and var first ? first : 0;
        if (removed > 0)
        {
            Say($"retention removed {removed} bytes of the log");
        }

        for (var left = VerifyAttempts; ;)
        {
            var (code, output) = await _commands.RunAsync("verify", "RevenueAspire.Processor", "verify");
            if (removed > 0 ? code == CouldNotCheck && output.Contains("retention has removed", StringComparison.Ordinal) : code == 0)
            {
                return;
            }

            // On a busy machine, the check may fail to reach the database.
            if (code != CouldNotCheck || --left == 0)
            {
                _stage.Violations.Add(ViolationKind.WrongBalance, $"verify ended with {code}: {string.Join(" | ", output.Split('\n').Take(5))}");
                return;
            }
        }
    }

    private void Say(string message) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(_started):hh\\:mm\\:ss\\.f} {message}"));
}

using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Faults;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Report;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture;

/// <summary>One run: start, load and faults, heal, wait for quiet, check, tell.</summary>
internal sealed class TortureRun : IDisposable
{
    private const int HttpClients = 5;
    private const double OverlapShare = 0.25;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FinishLimit = TimeSpan.FromSeconds(90);
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly TortureSettings _settings;
    private readonly TortureStage _stage;
    private readonly Sent _sent = new();
    private readonly FaultLog _faults = new();
    private readonly Commands _commands;

    private TortureRun(TortureSettings settings, TortureStage stage)
    {
        (_settings, _stage) = (settings, stage);
        _commands = new Commands(stage);
    }

    /// <summary>Runs.</summary>
    /// <returns>0 when no promise was broken, else 1.</returns>
    public static async Task<int> RunAsync(TortureSettings settings, CancellationToken cancellationToken)
    {
        Console.WriteLine($"seed {settings.Seed}");
        var folder = Directory.CreateDirectory(Path.Combine(TestPostgres.DataRoot, FormattableString.Invariant($"revenueaspire-torture-{settings.Seed}-{Environment.ProcessId}"))).FullName;
        var started = Stopwatch.GetTimestamp();
        var violations = new Violations(message => Say(started, message));
        var failed = true;
        try
        {
            await using (var stage = await TortureStage.StartAsync(folder, settings.Engine, new Random(settings.Seed), violations))
            {
                using var run = new TortureRun(settings, stage);
                await run.RunAsync(cancellationToken);
            }

            failed = violations.Any;
        }
        catch (Exception exception)
        {
            // Nothing is known then; whoever reads the exit code must not take it for a pass.
            await Console.Error.WriteLineAsync($"The run itself failed: {exception}");
        }
        finally
        {
            if (failed)
            {
                Console.WriteLine($"Data and outputs: {folder}");
                Console.WriteLine($"Again: {settings.Replay}");
            }
            else if (settings.Keep)
            {
                Console.WriteLine($"Data and outputs: {folder}");
            }
            else
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return failed ? 1 : 0;
    }

    public void Dispose() => _giveUp.Dispose();

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        using var probe = new Probe(_stage, _sent);
        if (await probe.MeasureAsync(WarmUp) is null)
        {
            throw new InvalidOperationException($"The services did not begin to work within {WarmUp.TotalSeconds} s; see {_stage.Outputs.Folder}.");
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var http = Enumerable.Range(1, HttpClients).Select(i => new HttpLoad(_stage, _sent, new Random(_settings.Seed + i), $"h{i}")).ToArray();
        var files = new FileLoad(_stage, _commands, new Random(_settings.Seed - 1));
        var load = Task.WhenAll(
        [
            .. http.Select(client => Task.Run(() => client.RunAsync(stop.Token, _giveUp.Token), CancellationToken.None)),
            Task.Run(() => files.RunAsync(stop.Token), CancellationToken.None),
            Task.Run(() => new ClientLoad(_stage, _commands, _sent, new Random(_settings.Seed - 2)).RunAsync(stop.Token), CancellationToken.None),
        ]);
        await InjectAsync(probe, load, cancellationToken);
        await _stage.HealAsync();
        await stop.CancelAsync();
        _giveUp.CancelAfter(FinishLimit);
        await load;
        Array.ForEach(http, client => client.Dispose());
        await CheckAsync(files.Files);
    }

    /// <summary>One fault after the other, some two at a time, until the time is up.</summary>
    private async Task InjectAsync(Probe probe, Task load, CancellationToken cancellationToken)
    {
        var deck = new FaultDeck(_settings.Kinds, _settings.Engine, _settings.Seed);
        var random = new Random(_settings.Seed ^ 0x5eed);
        while (Stopwatch.GetElapsedTime(_started) < _settings.Duration && !cancellationToken.IsCancellationRequested)
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

            var told = await Task.WhenAll(drawn.Select(one => one.Fault.RunAsync(new FaultContext(_stage, _commands, one.Random))));
            var recovery = await probe.MeasureAsync(RecoveryLimit);
            foreach (var ((fault, _), detail) in drawn.Zip(told))
            {
                _faults.Add(fault.Kind, recovery);
                Say(_started, $"{fault.Kind,-8} {fault.Name}{(detail.Length > 0 ? ": " + detail : "")}; {(recovery is { } time ? string.Create(CultureInfo.InvariantCulture, $"recovered in {time.TotalSeconds:0.0} s") : "no recovery")}");
            }

            if (recovery is null)
            {
                _stage.Violations.Add(ViolationKind.Other, $"no recovery within {RecoveryLimit.TotalSeconds} s of {string.Join(" and ", drawn.Select(one => one.Fault.Name))}");
                await _stage.HealAsync();
            }

            await Task.Delay(random.Next(300), CancellationToken.None);
        }
    }

    private async Task CheckAsync(List<EventFile> files)
    {
        Say(_started, "checking");
        var records = new List<LogRecord>();
        if (await LedgerCheck.WaitUntilQuietAsync(_stage))
        {
            try
            {
                records.AddRange(_settings.Engine == LogEngine.Files ? LogFiles.Read(_stage.Log) : await LogTables.ReadAsync(_stage.Postgres));
                PromiseCheck.Run(records, _sent, _stage.Violations);
                await LedgerCheck.RunAsync(_stage, records, files);
            }
            catch (InvalidDataException broken)
            {
                _stage.Violations.Add(ViolationKind.Lost, broken.Message);
            }

            var (code, output) = await _commands.RunAsync("verify", "RevenueAspire.Processor", "verify");
            if (code != 0)
            {
                _stage.Violations.Add(ViolationKind.WrongBalance, $"verify ended with {code}: {string.Join(" | ", output.Split('\n').Take(5))}");
            }
        }

        await _stage.StopServicesAsync();
        if (_settings is { Engine: LogEngine.Files } && _settings.Kinds.Contains(FaultKinds.Disk) && records.Count > 0)
        {
            var copies = await DamageCheck.RunAsync(_stage, records, new Random(_settings.Seed));
            Say(_started, copies > 0 ? "checked copies of the log with a damaged byte and without a segment" : "the log is too short to damage a copy of it");
        }

        ClosingTable.Write(_settings, _sent, records.Count, files.Count, _faults, _stage.Violations, _stage.Postgres.Deadlocks);
    }

    private static void Say(long started, string message) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started):mm\\:ss\\.f} {message}"));
}

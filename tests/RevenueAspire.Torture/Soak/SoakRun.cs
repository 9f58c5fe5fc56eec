using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Report;

namespace RevenueAspire.Torture.Soak;

/// <summary>Drives steady load for a long time without faults. Checks that no resource leaks, and that the ledger is correct at the end.</summary>
internal sealed class SoakRun : IDisposable
{
    private const int Users = 200_000;
    private const int EventsPerBatch = 100;

    // A small number, so that all connections open within seconds, and later growth is a leak.
    private const int LoadConnections = 12;
    private const int FailedSamplesInRow = 6;
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PausedFrom = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FinishLimit = TimeSpan.FromMinutes(2);
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly SoakSettings _settings;
    private readonly SoakStage _stage;
    private readonly LogTail _tail;
    private readonly KeyedLoad _keyed;
    private readonly List<CountedFile> _files = [];
    private readonly List<TimeSpan> _pauses = [];
    private int _viewers;

    private SoakRun(SoakSettings settings, SoakStage stage)
    {
        (_settings, _stage, _tail) = (settings, stage, new LogTail(stage));
        _keyed = new KeyedLoad(stage, Math.Max(1, settings.Rate / 5));
    }

    /// <summary>Runs the soak test with the given settings.</summary>
    /// <returns>0 if nothing grew and no promise was broken, else 1.</returns>
    public static Task<int> RunAsync(SoakSettings settings, CancellationToken cancellationToken) =>
        RunFolder.UseAsync("soak", settings.Seed, settings.Replay, settings.Keep, async (folder, violations) =>
        {
            await using var stage = await SoakStage.StartAsync(folder, settings.Engine, violations);
            using var run = new SoakRun(settings, stage);
            await run.RunAsync().WaitAsync(cancellationToken);
        }, cancellationToken);

    public void Dispose()
    {
        // Stop the remaining load: its services have ended.
        _stop.Cancel();
        _giveUp.Cancel();
        _keyed.Dispose();
        _stop.Dispose();
        _giveUp.Dispose();
    }

    private async Task RunAsync()
    {
        (string Name, ServiceProcess Process)[] loads =
        [
            ("load, single", StartLoad(0, _settings.Rate * 2 / 5, ["--concurrency", $"{LoadConnections}"])),
            ("load, batches", StartLoad(1, _settings.Rate * 2 / 5, ["--concurrency", $"{LoadConnections}", "--batch", $"{EventsPerBatch}"])),
        ];
        var measurements = new Measurements(_stage, loads);
        var keyed = _keyed.RunAsync(_stop.Token, _giveUp.Token);
        var others = Task.WhenAll(Task.Run(() => CountFilesAsync(_stop.Token), CancellationToken.None),
            Task.Run(() => WatchLedgerAsync(_stop.Token), CancellationToken.None));
        await WatchAsync(measurements, keyed, others);
        await _stop.CancelAsync();
        _giveUp.CancelAfter(FinishLimit);
        await Task.WhenAll(keyed, others);
        var (sent, accepted) = (0L, 0L);
        foreach (var (name, load) in loads)
        {
            var result = await EndAsync(name, load);
            (sent, accepted) = (sent + result.Sent, accepted + result.Accepted);
        }

        Say("checking");
        await CheckAsync(sent, accepted);
        if (_settings.JudgesGrowth)
        {
            GrowthCheck.Run(measurements.Series, _stage.Violations);
        }

        await _stage.StopServicesAsync();
        WriteResults(measurements.Series, sent, accepted);
    }

    /// <summary>Watches the services, reads the log, takes samples, and prints a line per minute, until the time is up.</summary>
    private async Task WatchAsync(Measurements measurements, Task keyed, Task others)
    {
        var (nextSample, nextLine, last) = (_settings.Interval, TimeSpan.FromMinutes(1), Elapsed);
        var (recordsAtLine, lineAt, failed) = (0L, TimeSpan.Zero, 0);
        while (Elapsed < _settings.Duration && !_stop.IsCancellationRequested)
        {
            await Task.Delay(Tick, CancellationToken.None);
            if (Elapsed - last is var gap && gap > PausedFrom)
            {
                _pauses.Add(gap);
                Say(string.Create(CultureInfo.InvariantCulture, $"the machine paused for {gap.TotalSeconds:0} s"));
            }

            last = Elapsed;
            if (keyed.IsFaulted || others.IsFaulted)
            {
                await Task.WhenAll(keyed, others);
            }

            await _stage.WatchAsync();
            try
            {
                await _tail.ReadAsync();
                if (Elapsed >= nextSample)
                {
                    nextSample = Elapsed + _settings.Interval;
                    await measurements.TakeAsync(counts: Elapsed >= _settings.WarmUp);
                }

                failed = 0;
            }
            catch (NpgsqlException) when (++failed < FailedSamplesInRow)
            {
                // Probably a timeout because the whole machine paused. The next attempt shows whether the error persists.
            }

            if (Elapsed >= nextLine)
            {
                Say(Line(measurements, (_tail.Records - recordsAtLine) / (Elapsed - lineAt).TotalSeconds));
                (recordsAtLine, lineAt, nextLine) = (_tail.Records, Elapsed, Elapsed + TimeSpan.FromMinutes(1));
            }

            // Set the time now, so that a slow sample does not count as a pause of the machine.
            last = Elapsed;
        }
    }

    private string Line(Measurements measurements, double rate)
    {
        var services = _stage.Apis.Concat(_stage.Processors).Select(service => string.Create(
            CultureInfo.InvariantCulture,
            $"{service.Name} {measurements.Now(service.Name + " memory"):0} MB {measurements.Now(service.Name + " handles"):0} handles "
                + $"{measurements.Now(service.Name + " threads"):0} threads"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{_tail.Records:N0} events ({rate:N0}/s); {string.Join("; ", services)}; "
            + $"Postgres {measurements.Now("Postgres memory"):0} MB {measurements.Now("Postgres connections"):0} connections; "
            + $"log {measurements.Now("log on disk"):0} MB, lag {measurements.Now("lag"):0.0} MB");
    }

    private ServiceProcess StartLoad(int number, int rate, string[] more) => _stage.StartCommand(
        "RevenueAspire.Client",
        number,
        [
            "load", "--users", $"{Users}", "--skew", "zipf", "--rate", $"{Math.Max(1, rate)}", "--seed", $"{unchecked(_settings.Seed + number) & int.MaxValue}",
            "--duration", $"{Math.Ceiling(_settings.Duration.TotalSeconds):0}s", "--json", .. more,
        ]);

    /// <summary>Counts a file with two processes together, once per minute.</summary>
    private async Task CountFilesAsync(CancellationToken stop)
    {
        var random = new Random(_settings.Seed);
        for (var next = TimeSpan.FromSeconds(5); !stop.IsCancellationRequested; next += TimeSpan.FromMinutes(1))
        {
            while (Elapsed < next && !stop.IsCancellationRequested)
            {
                await Task.Delay(Tick, CancellationToken.None);
            }

            if (stop.IsCancellationRequested)
            {
                return;
            }

            var file = EventFile.Write(Path.Combine(_stage.Folder, $"file-{_files.Count + 1}.jsonl"), random, 5_000, 2_000, badEvery: 200);
            _files.Add(new CountedFile(file));
            await Task.WhenAll(Enumerable.Range(0, 2).Select(async i =>
            {
                var process = _stage.StartCommand("RevenueAspire.Processor", 0, "process", file.Path);
                var code = await process.WaitForExitAsync(TimeSpan.FromMinutes(10));
                _stage.Outputs.Save("process", process);
                if (code is not (0 or 3))
                {
                    _stage.Violations.Add(ViolationKind.Other,
                        $"process of {Path.GetFileName(file.Path)} ended with {code}: {process.Output.Split('\n').LastOrDefault()}");
                }
            }));
        }
    }

    /// <summary>Viewers of the live stream connect, read for some seconds, and drop the connection.</summary>
    private async Task WatchLedgerAsync(CancellationToken stop)
    {
        for (; !stop.IsCancellationRequested; await Task.Delay(Tick, CancellationToken.None))
        {
            using var http = _stage.CreateHttp(TimeSpan.FromSeconds(30), _viewers++ % _stage.Apis.Count);
            try
            {
                await using var stream = await http.GetStreamAsync(new Uri("/liveLedger", UriKind.Relative), CancellationToken.None);
                await stream.ReadAtLeastAsync(new byte[4096], 4096, throwOnEndOfStream: false, stop);
            }
            catch (Exception lost) when (lost is HttpRequestException or IOException or OperationCanceledException)
            {
                // The loop starts the next viewer.
            }
        }
    }

    private async Task<(long Sent, long Accepted)> EndAsync(string name, ServiceProcess load)
    {
        var code = await load.WaitForExitAsync(FinishLimit);
        _stage.Outputs.Save(name.Replace(", ", "-", StringComparison.Ordinal), load);
        using var json = JsonDocument.Parse(string.Join('\n', load.StandardOutput));
        var (sent, accepted) = (json.RootElement.GetProperty("sent").GetInt64(), json.RootElement.GetProperty("accepted").GetInt64());
        Say(string.Create(CultureInfo.InvariantCulture,
            $"{name} ended with {code}: {sent:N0} sent, {accepted:N0} accepted, {json.RootElement.GetProperty("unsent").GetInt64():N0} due but not sent; "
                + $"failures {json.RootElement.GetProperty("failures")}; latency in ms {json.RootElement.GetProperty("latencyMilliseconds")}"));
        return (sent, accepted);
    }

    private async Task CheckAsync(long sent, long accepted)
    {
        var violations = _stage.Violations;
        if (!await LedgerCheck.WaitUntilQuietAsync(_stage.Log, _stage.Postgres, violations))
        {
            return;
        }

        await _tail.ReadAsync();
        _tail.Check(_keyed);
        if (_tail.LoadRecords < accepted || _tail.LoadRecords > sent)
        {
            violations.Add(_tail.LoadRecords < accepted ? ViolationKind.Lost : ViolationKind.Repeated,
                $"load sent {sent} events, the API accepted {accepted}, but {_tail.LoadRecords} are in the log");
        }

        await LedgerCheck.RunAsync(_stage.Postgres, _tail.Totals, _files, violations);
        if (_stage.Engine == LogEngine.Postgres)
        {
            // Retention has removed the beginning of the log in files by now, as configured.
            var verify = _stage.StartCommand("RevenueAspire.Processor", 0, "verify");
            if (await verify.WaitForExitAsync(TimeSpan.FromMinutes(5)) is not 0 and var code)
            {
                violations.Add(ViolationKind.WrongBalance, $"verify ended with {code}: {string.Join(" | ", verify.Output.Split('\n').Take(5))}");
            }

            _stage.Outputs.Save("verify", verify);
        }
    }

    private void WriteResults(IReadOnlyDictionary<Gauge, Series> gauges, long sent, long accepted)
    {
        ResultTable.Write(["Median of", "the first quarter", "the last quarter", "allowed", "peak"], gauges.Select(one =>
        {
            var (gauge, series) = one;
            var name = gauge.Unit.Length == 0 ? gauge.Name : $"{gauge.Name}, {gauge.Unit}";
            var allowed = gauge.Bound is { } bound && _settings.JudgesGrowth ? Figure(bound(series.FirstQuarter)) : "";
            return (string[])[name, Figure(series.FirstQuarter), Figure(series.LastQuarter), allowed, Figure(series.Peak)];
        }));
        ResultTable.Write(
            [
                ("Seed", _settings.Seed.ToString(CultureInfo.InvariantCulture)),
                ("Events in the log", ResultTable.Number(_tail.Records)),
                ("Events of load, sent and accepted", $"{ResultTable.Number(sent)}, {ResultTable.Number(accepted)}"),
                ("Events with keys", ResultTable.Number(_keyed.Sent)),
                ("Users", ResultTable.Number(_tail.Totals.Users.Count)),
                ("Files counted", ResultTable.Number(_files.Count)),
                ("Viewers of the live stream", ResultTable.Number(_viewers)),
                ("Pauses of the machine", string.Create(CultureInfo.InvariantCulture, $"{_pauses.Count}, {_pauses.Sum(pause => pause.TotalSeconds):0} s")),
            ],
            _stage.Violations);
        if (!_settings.JudgesGrowth)
        {
            Console.WriteLine(FormattableString.Invariant($"Growth is judged in runs of at least {SoakSettings.JudgedFrom.TotalMinutes:0} minutes."));
        }

        static string Figure(double value) => value.ToString(value < 10 ? "0.##" : "N0", CultureInfo.InvariantCulture);
    }

    private TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    private void Say(string message) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Elapsed:hh\\:mm\\:ss} {message}"));
}

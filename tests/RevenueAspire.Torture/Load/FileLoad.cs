using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>
/// Has one file after the other counted by several processes at once, some on a copy; grows some, and has them counted on; has some counted once more
/// with <c>--again</c>.
/// </summary>
internal sealed class FileLoad(TortureStage stage, Commands commands, Random random)
{
    public const string Kind = "process";
    private const int Users = 5_000;
    private const int AttemptsAfterTheEnd = 3;

    private readonly Lock _gate = new();
    private readonly List<CountedFile> _files = [];

    /// <summary>Those that no process has at hand: they may be renamed.</summary>
    private readonly List<CountedFile> _finished = [];
    private int _rotations;

    /// <summary>The files that are in the ledger; a copy.</summary>
    public List<CountedFile> Files
    {
        get
        {
            lock (_gate)
            {
                return [.. _files];
            }
        }
    }

    /// <summary>Processes until <paramref name="stop"/>; then finishes the file at hand.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            var file = EventFile.Write(Path.Combine(stage.Files, $"process-{number}.jsonl"), random, random.Next(500, 20_000), random.Next(20, Users),
                badEvery: random.Next(2) * 200);
            var counted = Add(file);
            await CountAsync(file, stop);
            if (random.Next(2) == 0)
            {
                file.Append(random, random.Next(1, 3_000), Users, badEvery: 100);
                await CountAsync(file, stop);
            }

            if (random.Next(3) == 0)
            {
                await CountAgainAsync(counted, stop);
            }

            Finish(counted);
        }
    }

    /// <summary>Renames a counted file, gives its name to another one, and has that one counted.</summary>
    /// <param name="random">Decides.</param>
    /// <returns>What was renamed, for the printed line.</returns>
    public async Task<string> RotateAsync(Random random)
    {
        if (Take(random) is not { } old)
        {
            return "none was counted yet";
        }

        var path = old.File.Path;
        var rotated = string.Create(CultureInfo.InvariantCulture, $"{path}.{Interlocked.Increment(ref _rotations)}");
        old.File.MoveTo(rotated);
        var counted = Add(EventFile.Write(path, random, random.Next(500, 5_000), random.Next(20, Users), badEvery: random.Next(2) * 200));

        // Attempts end here after a while, as they do at the end of a run: what the file's own check finds then is a violation.
        await CountAsync(counted.File.Path, new CancellationToken(canceled: true));
        Finish(counted);
        return $"{Path.GetFileName(path)} to {Path.GetFileName(rotated)}";
    }

    private CountedFile Add(EventFile file)
    {
        var counted = new CountedFile(file);
        lock (_gate)
        {
            _files.Add(counted);
        }

        return counted;
    }

    private void Finish(CountedFile counted)
    {
        lock (_gate)
        {
            _finished.Add(counted);
        }
    }

    /// <summary>A finished file, which is none of them from now on.</summary>
    private CountedFile? Take(Random random)
    {
        lock (_gate)
        {
            if (_finished.Count == 0)
            {
                return null;
            }

            var index = random.Next(_finished.Count);
            var taken = _finished[index];
            _finished.RemoveAt(index);
            return taken;
        }
    }

    /// <summary>Once more on purpose, by two at once now and then. What was killed in the middle is completed by whoever comes next.</summary>
    private async Task CountAgainAsync(CountedFile counted, CancellationToken stop)
    {
        await Task.WhenAll(Enumerable.Range(0, random.Next(1, 3)).Select(async _ =>
        {
            counted.MostTimes++;
            var (code, _) = await commands.RunAsync(Kind, "RevenueAspire.Processor", "process", counted.File.Path, "--again");
            if (code is 0 or 3)
            {
                counted.LeastTimes++;
            }
        }).ToArray());
        await CountAsync(counted.File.Path, stop);
    }

    private async Task CountAsync(EventFile file, CancellationToken stop)
    {
        var copy = file.Path + ".copy.jsonl";
        File.Copy(file.Path, copy, overwrite: true);
        await Task.WhenAll(Enumerable.Range(0, random.Next(1, 4)).Select(i => CountAsync(i == 1 ? copy : file.Path, stop)).ToArray());
    }

    private async Task CountAsync(string path, CancellationToken stop)
    {
        for (var left = AttemptsAfterTheEnd; ;)
        {
            var (code, output) = await commands.RunAsync(Kind, "RevenueAspire.Processor", "process", path);
            if (code is 0 or 3)
            {
                return;
            }

            if (stop.IsCancellationRequested && --left == 0)
            {
                stage.Violations.Add(ViolationKind.Other, $"{path} could not be counted in the end ({code}): {output.Split('\n').LastOrDefault()}");
                return;
            }
        }
    }
}

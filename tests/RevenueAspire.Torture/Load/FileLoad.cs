using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>
/// Counts each file with several processes at once; some of them read a copy. Extends some files and counts the new part. Counts some files again with
/// <c>--again</c>.
/// </summary>
internal sealed class FileLoad(TortureStage stage, Commands commands, Random random)
{
    public const string Kind = "process";
    private const int Users = 5_000;
    private const int AttemptsAfterTheEnd = 3;

    private readonly Lock _gate = new();
    private readonly List<CountedFile> _files = [];

    /// <summary>Files that no process is reading; they may be renamed.</summary>
    private readonly List<CountedFile> _finished = [];
    private int _rotations;

    /// <summary>A copy of the list of files in the ledger.</summary>
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

    /// <summary>Counts files until <paramref name="stop"/>, then finishes the current file.</summary>
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

    /// <summary>Renames a counted file, writes another file under the old name, and counts that file.</summary>
    /// <param name="random">Decides the file and the new content.</param>
    /// <returns>Old and new name, for the printed line.</returns>
    public async Task<string> RotateAsync(Random random)
    {
        if (Take(random) is not { } old)
        {
            return "no file counted yet";
        }

        var path = old.File.Path;
        var rotated = string.Create(CultureInfo.InvariantCulture, $"{path}.{Interlocked.Increment(ref _rotations)}");
        old.File.MoveTo(rotated);
        var counted = Add(EventFile.Write(path, random, random.Next(500, 5_000), random.Next(20, Users), badEvery: random.Next(2) * 200));

        // Limit the attempts, as at the end of a run. A failure after the limit is a violation.
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

    /// <summary>Removes a random finished file from the list; null if there is none.</summary>
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

    /// <summary>Counts a file again on purpose, sometimes by two processes at once. A later process completes a count that a fault interrupted.</summary>
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
                stage.Violations.Add(ViolationKind.Other, $"{path} was never counted completely ({code}): {output.Split('\n').LastOrDefault()}");
                return;
            }
        }
    }
}

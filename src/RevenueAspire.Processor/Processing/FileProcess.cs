using System.Diagnostics;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Processing;

/// <summary>Counts each file content once, regardless of the file's name (rule M10). Thread-safe.</summary>
internal sealed class FileProcess(ApplyServices services)
{
    /// <summary>Processes a file, together with other processors.</summary>
    /// <param name="file">The file, with a fixed length.</param>
    /// <param name="name">The path as the user gave it, for messages.</param>
    /// <param name="again">Whether to count the file again even if it is already counted.</param>
    /// <param name="progress">Receives the progress.</param>
    /// <param name="cancellationToken">Stops between statements.</param>
    /// <param name="hashing">The hashing of this file, if it has already started.</param>
    /// <exception cref="UserErrorException">A fork: the file starts with known content but continues differently.</exception>
    /// <exception cref="SourceStoppedException">The file changed, or processing cannot continue.</exception>
    public Task<ProcessOutcome> RunAsync(
        FileSourceReader file, string name, bool again, RunProgress progress, CancellationToken cancellationToken, FileHashing? hashing = null)
    {
        var run = new Run(again);
        return services.ApplyUntilConfirmedAsync<ProcessOutcome>(
            async () =>
            {
                var outcome = await ApplyAsync(file, name, run, progress, hashing, cancellationToken).ConfigureAwait(false);
                hashing = null;
                return (outcome, run.Applied);
            },
            progress,
            cancellationToken);
    }

    private async Task<ProcessOutcome> ApplyAsync(
        FileSourceReader file, string name, Run run, RunProgress progress, FileHashing? hashing, CancellationToken cancellationToken)
    {
        run.Applied.Clear();
        var started = Stopwatch.GetTimestamp();
        var found = FileEnd.Find(file, services.Types);
        var end = await FindEndAsync(file, found, cancellationToken).ConfigureAwait(false);
        var tally = new FileTally(name, end);
        if (end.Length == 0)
        {
            return tally.Complete("empty, nothing to count", progress.Counters, Stopwatch.GetElapsedTime(started));
        }

        var (resolution, digest, blocks) = await ResolveAsync(
            file.EndingAt(end.Length), end.Length, run.Attempt, end.Length == found.Length ? hashing : null, progress, cancellationToken).ConfigureAwait(false);
        var counted = file.Hashed(digest, blocks, resolution.Lengths);
        if (resolution.Match == FileMatch.Fork)
        {
            throw new UserErrorException(
                $"{name}: starts like {resolution.ForkOf}, which is already counted, but continues differently. None of it was counted. Put the new lines in a "
                    + "separate file and process that file");
        }

        run.Applied.AddRange(resolution.Sources.Select(source => (source.Id, Math.Min(source.Length, end.Length))));

        // Complete all existing generations before starting the next one, so a killed --again is completed, not lost.
        var unfinished = resolution.Sources.Where(source => source.AppliedThrough < Math.Min(source.Length, end.Length)).ToArray();
        foreach (var source in unfinished)
        {
            await ApplyAsync(counted, source, tally, progress, cancellationToken).ConfigureAwait(false);
        }

        var result = (resolution.Match, unfinished.Length) switch
        {
            (FileMatch.Known, 0) => "already counted",
            (FileMatch.Known, _) => "completed",
            (FileMatch.Grown, _) => "counted what was new",
            _ => "counted",
        };

        // For a file that was never counted, --again changes nothing: it is counted once.
        run.CountsAgain ??= run.Again && resolution.Match != FileMatch.New;
        if (run.CountsAgain.Value)
        {
            var next = await services.Retry.RunAsync(
                token => services.Sources.StartNextGenerationAsync(run.Generation, file.Place, digest, token), cancellationToken).ConfigureAwait(false);
            run.Applied.Add((next.Id, Math.Min(next.Length, end.Length)));
            await ApplyAsync(counted, next, tally, progress, cancellationToken).ConfigureAwait(false);
            result = $"counted again (generation {next.Generation})";
        }

        if (tally.IsEmpty && resolution.Sources[0] is var known)
        {
            // This run changed nothing. Report the same rejected lines as the run that counted the file. For an older, shorter state of the file, report only
            // the rejected lines within its length.
            tally.AddRejects(known.Length <= end.Length
                ? known
                : known with
                {
                    RejectsThrough = await services.Retry.RunAsync(
                        token => services.Sources.CountRejectsAsync(known.Id, end.Length, token), cancellationToken).ConfigureAwait(false),
                });
        }

        return tally.Complete(result, progress.Counters, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Finds the end of the counted part of the file. If the last line is incomplete, a known length of the same content may be within that line (rule
    /// M9).</summary>
    private async Task<FileEnd> FindEndAsync(FileSourceReader file, FileEnd end, CancellationToken cancellationToken)
    {
        if (end.Length == file.ReadEnd())
        {
            return end;
        }

        var known = await services.Retry.RunAsync(token => services.Sources.KnownLengthsAsync(file.ReadEnd(), token), cancellationToken).ConfigureAwait(false);
        var lengths = known.Where(length => length > end.Length).ToArray();
        if (lengths.Length == 0)
        {
            return end;
        }

        var digests = await Task.Run(() => FileDigests.Compute(file, lengths, cancellationToken), cancellationToken).ConfigureAwait(false);
        var beginning = await services.Retry.RunAsync(
            token => services.Sources.FindKnownBeginningAsync(digests, token), cancellationToken).ConfigureAwait(false);
        return beginning is { } length
            ? FileEnd.Find(file, length, services.Types)
            : end;
    }

    private async Task<(FileResolution Resolution, FileDigest Whole, FileBlocks Blocks)> ResolveAsync(
        FileSourceReader file, long length, Guid attempt, FileHashing? begun, RunProgress progress, CancellationToken cancellationToken)
    {
        progress.Begin(0, length);
        progress.Phase = "hashing";
        var hashing = begun ?? new FileHashing(file, length, cancellationToken);
        progress.ObserveHashing(() => hashing.Hashed);
        try
        {
            return await ResolveAsync(file, length, attempt, hashing, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // The caller closes the reader next, so wait until hashing no longer reads it.
            await hashing.EndedAsync().ConfigureAwait(false);
        }
    }

    private async Task<(FileResolution Resolution, FileDigest Whole, FileBlocks Blocks)> ResolveAsync(
        FileSourceReader file, long length, Guid attempt, FileHashing hashing, CancellationToken cancellationToken)
    {
        IEnumerable<long> lengths = await services.Retry.RunAsync(
            token => services.Sources.KnownLengthsAsync(length, token), cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var digests = await hashing.DigestsAsync(lengths).WaitAsync(cancellationToken).ConfigureAwait(false);
            var resolution = await services.Retry.RunAsync(
                token => services.Sources.ResolveFileAsync(attempt, file.Place, digests, token), cancellationToken).ConfigureAwait(false);
            if (resolution.MissingLengths is not { } missing)
            {
                return (resolution, digests[^1], hashing.Blocks);
            }

            // Another file became known in the meantime. The loop ends, because each turn needs yet another new file.
            lengths = [.. lengths, .. missing];
        }
    }

    private async Task ApplyAsync(
        FileSourceReader file, LedgerSource source, FileTally tally, RunProgress progress, CancellationToken cancellationToken)
    {
        var through = Math.Min(source.Length, file.ReadEnd());
        progress.Begin(source.AppliedThrough, through);
        progress.Phase = "counting";
        using var run = new SourceApplier(services, file, source.Id, through, progress.Counters);
        tally.Add(source, await run.RunAsync(cancellationToken).ConfigureAwait(false));
    }

    /// <summary>The facts of a run that its repetition after a failover keeps.</summary>
    /// <param name="again">The user's choice.</param>
    private sealed class Run(bool again)
    {
        public bool Again { get; } = again;

        /// <summary>Whether the run starts a generation. Decided once: the repetition knows a file that this run has counted for the first time.</summary>
        public bool? CountsAgain { get; set; }

        /// <summary>Ids of the sources that the run creates. Fixed before the first attempt (rule M1), so a repetition recognizes its own work.</summary>
        public Guid Attempt { get; } = Guid.NewGuid();

        /// <inheritdoc cref="Attempt"/>
        public Guid Generation { get; } = Guid.NewGuid();

        /// <summary>All sources of the file, with their applied lengths.</summary>
        public List<(Guid SourceId, long Through)> Applied { get; } = [];
    }

    /// <summary>Adds up the results of all generations of one file.</summary>
    private sealed class FileTally(string name, FileEnd end)
    {
        private readonly List<string> _notes = end.Unfinished == RejectReason.None
            ? []
            : [$"{name}: the last line has no newline and is not counted yet ({end.Problem}); complete it and process the file again"];

        private long _events;
        private long _rejected;
        private long _bytes;

        public bool IsEmpty { get; private set; } = true;

        public void Add(LedgerSource before, LedgerSource after)
        {
            IsEmpty = false;
            _events += after.EventsThrough - before.EventsThrough;
            _bytes += after.AppliedThrough - before.AppliedThrough;
            AddRejects(after);
        }

        /// <summary>Adds all rejected lines of a source, including those of earlier runs, because the run that completes a file reports all of them.</summary>
        public void AddRejects(LedgerSource source)
        {
            _rejected += source.RejectsThrough;
            if (source.RejectsThrough > 0)
            {
                _notes.Add(
                    $"{name}: rejected lines are in the table rejected_event: select line, reason, beginning from rejected_event where source_id = "
                    + $"'{source.Id}' order by line");
            }
        }

        public ProcessOutcome Complete(string result, RunCounters counters, TimeSpan elapsed) =>
            new(name, result, _events, counters.Users, counters.UsersAreExact, _rejected, _bytes, elapsed, _notes, end.Unfinished != RejectReason.None);
    }
}

using System.Diagnostics;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Processing;

/// <summary>Counts a file once, whatever it is called (rule M10). Thread-safe.</summary>
internal sealed class FileProcess(ApplyServices services)
{
    /// <summary>Processes a file, together with other processors.</summary>
    /// <param name="file">The file; its length is fixed.</param>
    /// <param name="name">As it was given, for messages.</param>
    /// <param name="again">Count it once more on purpose.</param>
    /// <param name="progress">Receives the progress.</param>
    /// <param name="cancellationToken">Stops between statements.</param>
    /// <param name="hashing">Of this very file, when it was begun already.</param>
    /// <exception cref="UserErrorException">A fork: the file continues known content differently.</exception>
    /// <exception cref="SourceStoppedException">The file changed, or cannot go on.</exception>
    public async Task<ProcessOutcome> RunAsync(
        FileSourceReader file, string name, bool again, RunProgress progress, CancellationToken cancellationToken, FileHashing? hashing = null)
    {
        var started = Stopwatch.GetTimestamp();
        var found = FileEnd.Find(file, services.Types);
        var end = await FindEndAsync(file, found, cancellationToken).ConfigureAwait(false);
        var tally = new FileTally(name, end);
        if (end.Length == 0)
        {
            return tally.Complete("empty, nothing to count", progress.Counters, Stopwatch.GetElapsedTime(started));
        }

        var (resolution, digest, blocks) = await ResolveAsync(
            file.EndingAt(end.Length), end.Length, end.Length == found.Length ? hashing : null, progress, cancellationToken).ConfigureAwait(false);
        var counted = file.Hashed(digest, blocks, resolution.Lengths);
        if (resolution.Match == FileMatch.Fork)
        {
            throw new UserErrorException(
                $"{name}: begins like {resolution.ForkOf}, which is counted, but continues differently; nothing of it was counted. Put its new lines into a "
                    + "separate file, and process that");
        }

        // Later generations are complete before another one begins, so that a killed --again is finished rather than forgotten.
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

        // "Once more" for a file that was never counted is once.
        if (again && resolution.Match != FileMatch.New)
        {
            var generation = Guid.NewGuid();
            var next = await services.Retry.RunAsync(
                token => services.Sources.StartNextGenerationAsync(generation, file.Place, digest, token), cancellationToken).ConfigureAwait(false);
            await ApplyAsync(counted, next, tally, progress, cancellationToken).ConfigureAwait(false);
            result = $"counted again (generation {next.Generation})";
        }

        if (tally.IsEmpty && resolution.Sources[0] is var known)
        {
            // The same again changes nothing. Its rejected lines are reported as by the run that counted it. Of an older state only those that it has count.
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

    /// <summary>How much of the file counts: where its last line is not complete, a known length of the same content may end a line within it (rule
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
        FileSourceReader file, long length, FileHashing? begun, RunProgress progress, CancellationToken cancellationToken)
    {
        progress.Begin(0, length);
        progress.Phase = "hashing";
        var hashing = begun ?? new FileHashing(file, length, cancellationToken);
        progress.ObserveHashing(() => hashing.Hashed);
        try
        {
            return await ResolveAsync(file, length, hashing, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // The reader is closed after this, so nothing may still read it.
            await hashing.EndedAsync().ConfigureAwait(false);
        }
    }

    private async Task<(FileResolution Resolution, FileDigest Whole, FileBlocks Blocks)> ResolveAsync(
        FileSourceReader file, long length, FileHashing hashing, CancellationToken cancellationToken)
    {
        // Made before the first try (rule M1): a repeat after a lost answer then finds its own work.
        var attempt = Guid.NewGuid();
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

            // Another file became known meanwhile; each turn needs a new one.
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

    /// <summary>Adds up the generations of one file.</summary>
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

        /// <summary>All rejected lines of a source, also those from before this run: its end is the moment at which the file is reported as counted.</summary>
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

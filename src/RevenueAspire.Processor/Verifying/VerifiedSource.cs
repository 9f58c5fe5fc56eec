using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source that has something in the ledger, with the generations that have applied the same bytes of it. Not thread-safe.</summary>
/// <param name="generations">The source; more than one where generations were put together.</param>
/// <param name="ranges">Ranges that are merged in part.</param>
/// <param name="digests">File: the digests of its content, ascending by length.</param>
/// <param name="paths">File: where its content was seen.</param>
/// <param name="openInDatabase">Opens a log that is kept in the database, as of the snapshot.</param>
internal sealed class VerifiedSource(
    IReadOnlyList<LedgerSource> generations, IReadOnlyList<EventRange> ranges, IReadOnlyList<FileDigest> digests, IReadOnlyList<string> paths,
    Func<Guid, LogSourceReader> openInDatabase)
{
    private readonly SortedSet<string> _unread = new(StringComparer.Ordinal);

    /// <summary>Any of the generations: they have the same bytes.</summary>
    public LedgerSource Source => generations[0];

    public IReadOnlyList<LedgerSource> Generations => generations;

    public IReadOnlyList<EventRange> Ranges => ranges;

    /// <summary>How many generations have applied these bytes.</summary>
    public int Times => generations.Count;

    /// <summary>File: the path at which its content stands now. The caller looks for it before <see cref="Open"/>.</summary>
    public string? Place { get; set; }

    /// <summary>Why none of its bytes is compared, or null.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Why some of its bytes cannot be compared, a line per stretch.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    /// <summary>Set when retention has removed the beginning of a log.</summary>
    public string? Removed { get; set; }

    /// <summary>Bytes that the ledger has of it, wholly or in part.</summary>
    public long Needed => ranges.Select(range => range.To).Append(Source.AppliedThrough).Max();

    /// <summary>File: whether <see cref="Digest"/> exists. It always does, unless tables were changed or restored one by one.</summary>
    public bool IsKnown => digests.Any(digest => digest.Length >= Needed);

    /// <summary>File: the shortest known beginning that holds all that the ledger has of it; a file that begins so holds the content.</summary>
    public FileDigest Digest => digests.First(digest => digest.Length >= Needed);

    /// <summary>Lists the sources that a snapshot has applied, wholly or in part.</summary>
    public static List<VerifiedSource> List(LedgerSnapshot snapshot, Func<Guid, LogSourceReader> openInDatabase)
    {
        var ranges = snapshot.FrozenRanges.ToLookup(range => range.SourceId);
        return [.. snapshot.Sources
            .Where(source => source.AppliedThrough > 0 || ranges.Contains(source.Id))
            .GroupBy(source =>
                (source.ContentId, source.AppliedThrough, Tail: Convert.ToHexString(source.TailHash.Span), Types: Convert.ToHexString(source.TypesHash.Span)))
            .Select(same => new VerifiedSource(
                [.. same], [.. same.SelectMany(generation => ranges[generation.Id])], [.. snapshot.Digests[same.Key.ContentId]],
                [.. snapshot.Paths[same.Key.ContentId]], openInDatabase))];
    }

    /// <summary>File: the paths at which its content was seen, its name first.</summary>
    public IEnumerable<string> KnownPaths() => paths.Prepend(Source.Name).Where(path => path != SourceRegistry.NoPath).Distinct();

    /// <summary>Leaves the whole source out of the comparison. The first reason stays.</summary>
    public void Refuse(string reason) => Refusal ??= reason;

    /// <summary>Keeps that some bytes cannot be read.</summary>
    public void AddUnread(string reason) => _unread.Add(reason);

    /// <summary>Opens the source for a pass over it. Only one is open at a time, however many there are.</summary>
    /// <exception cref="UserErrorException">It is gone, or is no longer the source that was applied; other errors of reading (<see cref="IsOfSource"/>),
    /// too.</exception>
    public ISourceReader Open(int maxLineBytes)
    {
        var reader = Source.Kind == SourceKind.File
            ? OpenFile(Place ?? throw new InvalidOperationException("A file is looked for first."), maxLineBytes) : (ISourceReader)OpenLog();
        try
        {
            SourceCheck.Verify(reader, Source);
            return Needed <= reader.ReadEnd() ? reader : throw new UserErrorException("is shorter than the part that is being merged from it");
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Why these bytes are not the content, or null where they are. A cheap look at the last bytes comes before the whole is hashed.</summary>
    public string? FindDifference(FileSourceReader file, CancellationToken cancellationToken)
    {
        if (file.ReadEnd() < Digest.Length)
        {
            return $"another content is there now (of {file.ReadEnd()} bytes)";
        }

        var tail = SourceScan.TailHash(file, Source.AppliedThrough);
        return (Source.TailHash.Length == 0 || Source.TailHash.Span.SequenceEqual(tail))
            && HashingOf(file, cancellationToken).GetAwaiter().GetResult()[^1].Sha256.Span.SequenceEqual(Digest.Sha256.Span)
            ? null
            : "another content is there now, or its bytes were changed";
    }

    /// <summary>No thread of the pool waits for this: verify uses a separate thread.</summary>
    private Task<IReadOnlyList<FileDigest>> HashingOf(FileSourceReader file, CancellationToken cancellationToken) =>
        new FileHashing(file, Digest.Length, cancellationToken).DigestsAsync([]);

    /// <summary>Compares the settings with those that the source was counted with: otherwise a correct ledger would look wrong.</summary>
    /// <returns>Where its retained bytes begin, and whether some of a log was counted with other event types.</returns>
    /// <exception cref="UserErrorException">They are not the same: it cannot be checked.</exception>
    public SourceContent CheckSettings(int maxLineBytes, EventTypes types)
    {
        using var reader = Open(maxLineBytes);
        var fingerprint = ParsingFingerprint.Compute(types, reader);
        bool IsOther(ReadOnlyMemory<byte> hash) => hash.Length > 0 && !hash.Span.SequenceEqual(fingerprint.Span);
        if (ranges.Any(range => IsOther(range.Frozen!.TypesHash)) || (Source.Kind == SourceKind.File && IsOther(Source.TypesHash)))
        {
            throw new UserErrorException(
                "was counted with other EventTypes, another Processor:MaxLineBytes or another version: give verify the settings that it was counted with");
        }

        // Types that were added for a log do not change earlier events. So another fingerprint of a log explains differences, and causes none.
        return new SourceContent(reader.FirstOffset, HasOtherTypes: IsOther(Source.TypesHash));
    }

    /// <summary>Errors that concern one source and leave the others to be checked.</summary>
    public static bool IsOfSource(Exception exception) =>
        exception is UserErrorException or EventLog.EventLogException or (IOException and not SpoolException) or UnauthorizedAccessException;

    /// <summary>Opens a file with the known lengths as ends of lines, as it was counted; packed ones inflated.</summary>
    public FileSourceReader OpenFile(string path, int maxLineBytes)
    {
        var file = FileSourceReader.Open(path, maxLineBytes);
        if (file.IsPacked)
        {
            // No thread of the pool waits here: verify aggregates on a separate thread.
            file.Dispose();
            file = SpooledSource.InflateAsync(path, maxLineBytes, CancellationToken.None).GetAwaiter().GetResult();
        }

        return file.WithLineEnds([.. digests.Select(digest => digest.Length)]);
    }

    private LogSourceReader OpenLog()
    {
        var log = PostgresLogs.TryParseSourceName(Source.Name, out var logId) ? openInDatabase(logId) : LogSourceReader.Open(Source.Name);
        if (log.LogId == Source.Id)
        {
            return log;
        }

        log.Dispose();
        throw new UserErrorException("the folder holds another log now than the one that was applied");
    }
}

/// <summary>The first look of verify at a source.</summary>
/// <param name="FirstOffset">Where its retained bytes begin; 0 for all of it.</param>
/// <param name="HasOtherTypes">Log: some of it was counted with other event types than verify has.</param>
internal readonly record struct SourceContent(long FirstOffset, bool HasOtherTypes);

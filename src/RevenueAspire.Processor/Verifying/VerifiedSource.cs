using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source with applied bytes, and all its generations that have applied the same bytes. Not thread-safe.</summary>
/// <param name="generations">The source; several entries if several generations have applied the same bytes.</param>
/// <param name="ranges">Partly merged ranges.</param>
/// <param name="digests">File: the digests of its content, ascending by length.</param>
/// <param name="paths">File: the paths where its content was seen.</param>
/// <param name="openInDatabase">Opens a log in the database as of the snapshot.</param>
internal sealed class VerifiedSource(
    IReadOnlyList<LedgerSource> generations, IReadOnlyList<EventRange> ranges, IReadOnlyList<FileDigest> digests, IReadOnlyList<string> paths,
    Func<Guid, LogSourceReader> openInDatabase)
{
    private readonly SortedSet<string> _unread = new(StringComparer.Ordinal);

    /// <summary>One of the generations; all have the same bytes.</summary>
    public LedgerSource Source => generations[0];

    public IReadOnlyList<LedgerSource> Generations => generations;

    public IReadOnlyList<EventRange> Ranges => ranges;

    /// <summary>How many generations have applied these bytes.</summary>
    public int Times => generations.Count;

    /// <summary>File: the current path of its content. The caller must set it before <see cref="Open"/>.</summary>
    public string? Place { get; set; }

    /// <summary>The reason why none of its bytes are compared, or null.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The reasons why some of its bytes cannot be compared, one line per stretch.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    /// <summary>Log: the reason for people, if retention has removed its beginning; else null.</summary>
    public string? Removed { get; set; }

    /// <summary>Number of bytes that are fully or partly in the ledger.</summary>
    public long Needed => ranges.Select(range => range.To).Append(Source.AppliedThrough).Max();

    /// <summary>File: whether <see cref="Digest"/> exists. It does, unless tables were changed or restored separately.</summary>
    public bool IsKnown => digests.Any(digest => digest.Length >= Needed);

    /// <summary>File: the digest of the shortest known prefix that contains all bytes in the ledger. A file with this prefix contains the content.</summary>
    public FileDigest Digest => digests.First(digest => digest.Length >= Needed);

    /// <summary>Lists the sources that are fully or partly applied in a snapshot.</summary>
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

    /// <summary>File: the paths where its content was seen, starting with its name.</summary>
    public IEnumerable<string> KnownPaths() => paths.Prepend(Source.Name).Where(path => path != SourceRegistry.NoPath).Distinct();

    /// <summary>Excludes the whole source from the comparison. Keeps only the first reason.</summary>
    public void Refuse(string reason) => Refusal ??= reason;

    /// <summary>Records that some bytes cannot be read.</summary>
    public void AddUnread(string reason) => _unread.Add(reason);

    /// <summary>Opens the source for one pass over it. Only one source is open at a time.</summary>
    /// <exception cref="UserErrorException">The source is missing, or is no longer the applied one. Other read errors (<see cref="IsOfSource"/>) are possible
    /// too.</exception>
    public ISourceReader Open(int maxLineBytes)
    {
        var reader = Source.Kind == SourceKind.File
            ? OpenFile(Place ?? throw new InvalidOperationException("The file must be located first."), maxLineBytes) : (ISourceReader)OpenLog();
        try
        {
            SourceCheck.Verify(reader, Source);
            return Needed <= reader.ReadEnd() ? reader : throw new UserErrorException("is shorter than the part that is being merged");
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Returns the reason why a file does not have the content, or null if it does. Compares the last bytes before it hashes the whole file.</summary>
    public string? FindDifference(FileSourceReader file, CancellationToken cancellationToken)
    {
        if (file.ReadEnd() < Digest.Length)
        {
            return $"the file now has other content ({file.ReadEnd()} bytes)";
        }

        var tail = SourceScan.TailHash(file, Source.AppliedThrough);
        return (Source.TailHash.Length == 0 || Source.TailHash.Span.SequenceEqual(tail))
            && HashingOf(file, cancellationToken).GetAwaiter().GetResult()[^1].Sha256.Span.SequenceEqual(Digest.Sha256.Span)
            ? null
            : "the file now has other content, or its bytes were changed";
    }

    /// <summary>The caller blocks a pool thread, for one file at a time.</summary>
    private Task<IReadOnlyList<FileDigest>> HashingOf(FileSourceReader file, CancellationToken cancellationToken) =>
        new FileHashing(file, Digest.Length, cancellationToken).DigestsAsync([]);

    /// <summary>Compares the settings with those that were used to count the source. With different settings, a correct ledger would seem wrong.</summary>
    /// <returns>The start of its retained bytes, and whether a part of a log was counted with different event types.</returns>
    /// <exception cref="UserErrorException">The settings differ, so the source cannot be checked.</exception>
    public SourceContent CheckSettings(int maxLineBytes, EventTypes types)
    {
        using var reader = Open(maxLineBytes);
        var fingerprint = ParsingFingerprint.Compute(types, reader);
        bool IsOther(ReadOnlyMemory<byte> hash) => hash.Length > 0 && !hash.Span.SequenceEqual(fingerprint.Span);
        if (ranges.Any(range => IsOther(range.Frozen!.TypesHash)) || (Source.Kind == SourceKind.File && IsOther(Source.TypesHash)))
        {
            throw new UserErrorException(
                "was counted with different EventTypes, Processor:MaxLineBytes or program version: run verify with the same settings and version");
        }

        // Event types that were added later do not change earlier events of a log. So for a log, a different fingerprint is only a possible explanation of
        // differences.
        return new SourceContent(reader.FirstOffset, HasOtherTypes: IsOther(Source.TypesHash));
    }

    /// <summary>Whether an error concerns only one source, so that the others can be checked.</summary>
    public static bool IsOfSource(Exception exception) =>
        exception is UserErrorException or EventLog.EventLogException or (IOException and not SpoolException) or UnauthorizedAccessException;

    /// <summary>Opens a file as it was counted: decompressed, and with the known lengths as ends of lines.</summary>
    public FileSourceReader OpenFile(string path, int maxLineBytes)
    {
        var file = FileSourceReader.Open(path, maxLineBytes);
        if (file.IsPacked)
        {
            // This blocks a pool thread, for one file at a time.
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
        throw new UserErrorException("the folder now contains a different log than the applied one");
    }
}

/// <summary>The result of <see cref="VerifiedSource.CheckSettings"/>.</summary>
/// <param name="FirstOffset">Start of its retained bytes; 0 if all bytes are retained.</param>
/// <param name="HasOtherTypes">Log: whether a part was counted with event types that differ from those of verify.</param>
internal readonly record struct SourceContent(long FirstOffset, bool HasOtherTypes);

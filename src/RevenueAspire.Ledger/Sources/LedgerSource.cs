namespace RevenueAspire.Ledger;

/// <summary>Kind of a source.</summary>
public enum SourceKind
{
    Log,
    File,
}

/// <summary>A row of <c>event_source</c>: a log, or one generation of a file's content.</summary>
/// <param name="Id">The log's id, or a random uuid.</param>
/// <param name="Kind">Log or file.</param>
/// <param name="Name">Full path as last seen, for people and for verify.</param>
/// <param name="Generation">1, or higher if the file was deliberately counted again.</param>
/// <param name="ClaimedThrough">Bytes before this offset are claimed or applied.</param>
/// <param name="AppliedThrough">Bytes before this offset are in the ledger.</param>
/// <param name="LinesThrough">Lines before AppliedThrough.</param>
/// <param name="EventsThrough">Events before AppliedThrough.</param>
/// <param name="RejectsThrough">Rejected lines before AppliedThrough.</param>
/// <param name="Length">File: the latest known length; processors apply the file up to it. Log: 0.</param>
/// <param name="TailHash">SHA-256 of the last 4096 bytes before AppliedThrough, or of all if there are fewer (rule M11); empty at 0.</param>
/// <param name="ContentId">File: id of generation 1, the same in all generations of one content. Log: its id.</param>
/// <param name="TypesHash">Fingerprint of the event types used to aggregate the source. Empty before the first range, one byte if ranges used different
/// ones.</param>
public sealed record LedgerSource(
    Guid Id, SourceKind Kind, string Name, int Generation, long ClaimedThrough, long AppliedThrough,
    long LinesThrough, long EventsThrough, long RejectsThrough, long Length, ReadOnlyMemory<byte> TailHash, Guid ContentId, ReadOnlyMemory<byte> TypesHash)
{
    /// <summary>Time at which the ledger first saw the source.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}

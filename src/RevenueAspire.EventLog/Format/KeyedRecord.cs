namespace RevenueAspire.EventLog.Format;

/// <summary>The remembered data of a keyed record (48 bytes), enough to repeat its first answer.</summary>
/// <param name="Key">First 128 bits of the key's SHA-256. No client can construct two keys that collide in them.</param>
/// <param name="Body">First 128 bits of the body's SHA-256.</param>
/// <param name="Offset">Log offset of the group's last record.</param>
/// <param name="Count">Records in the group.</param>
/// <param name="RejectedCount">Rejected lines of the request.</param>
internal readonly record struct KeyedRecord(UInt128 Key, UInt128 Body, long Offset, int Count, int RejectedCount);

/// <summary>A range of the log, [From, To).</summary>
/// <param name="From">Log offset of the first byte.</param>
/// <param name="To">Log offset after the last byte.</param>
public readonly record struct LogRange(long From, long To)
{
    /// <summary>Bytes in the range.</summary>
    public long Length => To - From;
}

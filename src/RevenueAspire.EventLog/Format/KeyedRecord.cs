namespace RevenueAspire.EventLog.Format;

/// <summary>What is remembered of a keyed record (48 bytes): enough to answer a repeat like the first attempt.</summary>
/// <param name="Key">First 128 bits of the SHA-256 of the key: nobody can make two keys collide.</param>
/// <param name="Body">First 128 bits of the body's SHA-256.</param>
/// <param name="Offset">Log offset of the group's last record.</param>
/// <param name="Count">Records of the group.</param>
/// <param name="RejectedCount">Lines rejected beside them.</param>
internal readonly record struct KeyedRecord(UInt128 Key, UInt128 Body, long Offset, int Count, int RejectedCount);

/// <summary>A piece of the log, [From, To).</summary>
/// <param name="From">Log offset of the first byte.</param>
/// <param name="To">Log offset behind the last byte.</param>
public readonly record struct LogRange(long From, long To)
{
    /// <summary>Bytes in the range.</summary>
    public long Length => To - From;
}

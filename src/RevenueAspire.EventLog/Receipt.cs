namespace RevenueAspire.EventLog;

/// <summary>Names one record: the log's id and the log offset of the record's first byte. Written <c>&lt;32 hex digits&gt;:&lt;offset&gt;</c>.</summary>
public readonly record struct Receipt(Guid LogId, long Offset)
{
    /// <inheritdoc/>
    public override string ToString() => throw new NotImplementedException();

    /// <summary>Accepts exactly what <see cref="ToString"/> writes (lower-case hex, decimal offset without sign or leading zeros).</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Receipt receipt) => throw new NotImplementedException();
}

namespace RevenueAspire.Ledger;

/// <summary>A line that is not an event.</summary>
/// <param name="Offset">Byte offset of the line in its source.</param>
/// <param name="Line">Line number from 0, counted from the beginning of the range (made absolute, from 1, at the fold).</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's first bytes, at most 256; stored as text with invalid UTF-8 and U+0000 replaced.</param>
public sealed record RejectedLine(long Offset, long Line, string Reason, ReadOnlyMemory<byte> Beginning);

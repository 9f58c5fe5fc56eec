namespace RevenueAspire.Client.Sending;

/// <summary>A line that is no event.</summary>
/// <param name="Line">Number in the file, from 1.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="Bytes">The line as it is in the file, without its newline; null for one that is too long to be held.</param>
/// <param name="Offset">Where it begins in the file, when <paramref name="Bytes"/> is null.</param>
/// <param name="Length">Its bytes, when <paramref name="Bytes"/> is null.</param>
internal sealed record RejectedLine(long Line, string Reason, byte[]? Bytes, long Offset = 0, long Length = 0);

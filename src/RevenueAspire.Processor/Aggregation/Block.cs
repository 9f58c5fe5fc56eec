namespace RevenueAspire.Processor.Aggregation;

/// <summary>The content of a block.</summary>
internal enum BlockKind
{
    /// <summary>Whole lines.</summary>
    Lines,

    /// <summary>One line that is longer than is parsed; the bytes are its beginning.</summary>
    TooLong,

    /// <summary>A stretch that cannot be read; the bytes are the beginning of the line that it cuts, if any.</summary>
    Damaged,

    /// <summary>The over-long rest of a line that damage cut: neither line nor reject.</summary>
    Skipped,
}

/// <summary>A piece of a range, handed to one worker.</summary>
/// <param name="Kind">The content of the bytes.</param>
/// <param name="Index">Position among the range's blocks, from 0.</param>
/// <param name="Offset">Offset of the first byte in the source.</param>
/// <param name="Count">Bytes in the worker's buffer.</param>
/// <param name="ContinuesLine">The first line may be the rest of one that was counted without its newline.</param>
/// <param name="AfterDamage">The first line may be the rest of one that damage cut.</param>
/// <param name="Damage">The reason, for people; null without damage.</param>
internal readonly record struct Block(
    BlockKind Kind, int Index, long Offset, int Count, bool ContinuesLine = false, bool AfterDamage = false, string? Damage = null);

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The content of a block.</summary>
internal enum BlockKind
{
    /// <summary>Whole lines.</summary>
    Lines,

    /// <summary>A line that exceeds the maximum length. The bytes are its start.</summary>
    TooLong,

    /// <summary>An unreadable stretch. The bytes are the start of the line that the damage cuts off, if any.</summary>
    Damaged,

    /// <summary>The rest of a line cut by damage, if the rest exceeds the maximum length. Counts neither as a line nor as a reject.</summary>
    Skipped,
}

/// <summary>A piece of a range, handed to one worker.</summary>
/// <param name="Kind">The content of the bytes.</param>
/// <param name="Index">Zero-based index of the block within its range.</param>
/// <param name="Offset">Offset of the first byte in the source.</param>
/// <param name="Count">Number of bytes in the worker's buffer.</param>
/// <param name="ContinuesLine">Whether the first line may be the rest of a line that was counted before its newline was written.</param>
/// <param name="AfterDamage">Whether the first line may be the rest of a line cut by damage.</param>
/// <param name="Damage">Human-readable description of the damage; null if there is none.</param>
internal readonly record struct Block(
    BlockKind Kind, int Index, long Offset, int Count, bool ContinuesLine = false, bool AfterDamage = false, string? Damage = null);

using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>Rows of the recovery table (rule L6). The first matching row applies.</summary>
public enum RecoveryCase
{
    /// <summary>No segment and no mark above 0: a new log.</summary>
    Empty,

    /// <summary>A mark above 0 but no segment: all bytes up to the mark are missing.</summary>
    SegmentsMissing,

    /// <summary>The last segment is sealed: the next group begins a new segment.</summary>
    Sealed,

    /// <summary>The data ends below the mark: acknowledged bytes are missing.</summary>
    EndsBeforeMark,

    /// <summary>The last bytes, below the mark, belong to no whole group.</summary>
    DamagedBelowMark,

    /// <summary>The last bytes, above the mark, are the beginning of an unacknowledged group.</summary>
    TornTail,

    /// <summary>Whole groups follow the mark: the power failed before the last move of the mark was on disk.</summary>
    AheadOfMark,

    /// <summary>The data ends at the mark.</summary>
    Clean,
}

/// <summary>The findings of recovery about the end of the log.</summary>
/// <param name="Mark">The durable mark; null if missing or damaged.</param>
/// <param name="HasSegment">Whether any segment exists.</param>
/// <param name="Start">Log offset of the last segment.</param>
/// <param name="IsSealed">Whether the last segment has a valid seal.</param>
/// <param name="ValidEnd">Log offset after the last whole group; for a sealed segment, its end.</param>
/// <param name="FileEnd">Log offset after the last byte; below <see cref="ValidEnd"/> if a sealed segment was shortened.</param>
/// <param name="HasDamage">Whether bytes before <see cref="ValidEnd"/> belong to no whole group.</param>
internal readonly record struct RecoveryFacts(long? Mark, bool HasSegment, long Start, bool IsSealed, long ValidEnd, long FileEnd, bool HasDamage);

/// <summary>Actions that recovery must take.</summary>
/// <param name="Case">The matching row.</param>
/// <param name="KeepTo">Log offset at which the last segment is cut; its end if nothing is dropped.</param>
/// <param name="KeptFrom">Bytes from here to KeepTo are rewritten and fsynced before the mark moves past them. After a failed fsync, readable bytes may not be
/// on disk.</param>
/// <param name="End">The new mark, where the next group begins.</param>
/// <param name="Seal">Whether to seal the last segment now: its seal reports its damage to readers, or new data belongs in another segment.</param>
/// <param name="TailDamage">Damaged bytes at the end, kept because they are below the mark; may be empty.</param>
/// <param name="Gap">Missing range below the mark; may be empty.</param>
internal readonly record struct RecoveryDecision(RecoveryCase Case, long KeepTo, long KeptFrom, long End, bool Seal, LogRange TailDamage, LogRange Gap);

/// <summary>Recovery as a pure function: facts in, decision out.</summary>
/// <remarks>
/// <para>If the mark is missing or below the last segment, recovery uses the beginning of that segment instead; if the segment is sealed, its end. This is
/// safe, because sealed segments were fsynced.</para>
/// <para>Every row keeps three promises. Recovery never cuts below the mark. It keeps whole groups above the mark, which may be acknowledged, because the mark
/// itself is not fsynced. The new mark is never below the old one.</para>
/// </remarks>
internal static class RecoveryTable
{
    public static RecoveryDecision Decide(in RecoveryFacts facts)
    {
        if (!facts.HasSegment)
        {
            var end = facts.Mark ?? 0;
            return new(end == 0 ? RecoveryCase.Empty : RecoveryCase.SegmentsMissing, end, end, end, Seal: false, default, new LogRange(0, end));
        }

        var mark = Math.Max(facts.Mark ?? 0, facts.IsSealed ? facts.ValidEnd : facts.Start);
        if (facts.IsSealed)
        {
            return new(RecoveryCase.Sealed, facts.FileEnd, facts.FileEnd, mark, Seal: false, default, new LogRange(facts.FileEnd, mark));
        }

        if (facts.FileEnd < mark)
        {
            return new(RecoveryCase.EndsBeforeMark, facts.FileEnd, facts.FileEnd, mark, Seal: true, new LogRange(facts.ValidEnd, facts.FileEnd),
                new LogRange(facts.FileEnd, mark));
        }

        if (facts.ValidEnd < mark)
        {
            return new(RecoveryCase.DamagedBelowMark, mark, mark, mark, Seal: true, new LogRange(facts.ValidEnd, mark), default);
        }

        var row = facts.FileEnd > facts.ValidEnd ? RecoveryCase.TornTail
            : facts.ValidEnd > mark ? RecoveryCase.AheadOfMark
            : RecoveryCase.Clean;
        return new(row, facts.ValidEnd, mark, facts.ValidEnd, Seal: facts.HasDamage, default, default);
    }
}

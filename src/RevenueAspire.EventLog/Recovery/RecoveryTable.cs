using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>The rows of the table (rule L6). The first that fits is taken.</summary>
public enum RecoveryCase
{
    /// <summary>No segment and no mark above 0: a new log.</summary>
    Empty,

    /// <summary>No segment, but a mark: everything up to it is missing.</summary>
    SegmentsMissing,

    /// <summary>The last segment is sealed: what follows begins a new one.</summary>
    Sealed,

    /// <summary>The data ends before the mark: bytes that were acknowledged are missing.</summary>
    EndsBeforeMark,

    /// <summary>Bytes below the mark belong to no whole group, and none follows.</summary>
    DamagedBelowMark,

    /// <summary>Behind the last whole group, above the mark, stands the beginning of a group that was never acknowledged.</summary>
    TornTail,

    /// <summary>Whole groups stand above the mark (it was not on disk yet when the power went).</summary>
    AheadOfMark,

    /// <summary>Everything ends at the mark.</summary>
    Clean,
}

/// <summary>What recovery found out about the end of the log.</summary>
/// <param name="Mark">The durable mark; null when missing or damaged.</param>
/// <param name="HasSegment">Whether there is a segment.</param>
/// <param name="Start">Log offset of the last segment.</param>
/// <param name="IsSealed">Whether it has a valid seal.</param>
/// <param name="ValidEnd">Log offset behind its last whole group (its end, when sealed).</param>
/// <param name="FileEnd">Log offset behind its last byte (before <see cref="ValidEnd"/> when a sealed segment became shorter).</param>
/// <param name="HasDamage">Whether bytes before <see cref="ValidEnd"/> belong to no whole group.</param>
internal readonly record struct RecoveryFacts(long? Mark, bool HasSegment, long Start, bool IsSealed, long ValidEnd, long FileEnd, bool HasDamage);

/// <summary>What recovery does about it.</summary>
/// <param name="Case">The row.</param>
/// <param name="KeepTo">Log offset to which the last segment is cut; its end when nothing is dropped.</param>
/// <param name="KeptFrom">[KeptFrom, KeepTo) is written and fsynced again before the mark moves over it: after a failed fsync what is read may not be on
/// disk.</param>
/// <param name="End">The new mark: where the next group goes.</param>
/// <param name="Seal">The last segment is sealed now, so that readers learn of its damage, or because data goes on elsewhere.</param>
/// <param name="TailDamage">Bytes at the end that are kept although nothing whole is there, because they are below the mark; empty when none.</param>
/// <param name="Gap">Offsets below the mark without bytes; empty when none.</param>
internal readonly record struct RecoveryDecision(RecoveryCase Case, long KeepTo, long KeptFrom, long End, bool Seal, LogRange TailDamage, LogRange Gap);

/// <summary>Recovery as a table: facts in, decision out, nothing touched.</summary>
/// <remarks>
/// <para>Without a mark the last segment's beginning stands for it (a sealed one's end): the segments before were sealed, hence fsynced.
/// The same holds for a mark before the last segment.</para>
/// <para>Three promises hold in every row: nothing below the mark is cut off; whole groups above it are kept, since the mark itself is not fsynced and they may
/// have been acknowledged; the new mark is not below the old one.</para>
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

using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Rule M11: the bytes up to a source's applied offset must equal the applied bytes.</summary>
internal static class SourceCheck
{
    /// <summary>Compares the source's bytes with the ledger's record of them.</summary>
    /// <exception cref="SourceStoppedException">They differ: the source was restored, cloned, truncated or replaced.</exception>
    public static void Verify(ISourceReader reader, LedgerSource source)
    {
        if (source.AppliedThrough < reader.FirstOffset)
        {
            throw new SourceStoppedException(
                $"{reader.Name}: starts at offset {reader.FirstOffset}, but is applied only up to {source.AppliedThrough}: the bytes between are missing. "
                    + "Put the removed segments back.");
        }

        if (source.AppliedThrough > reader.ReadEnd())
        {
            throw new SourceStoppedException(
                $"{reader.Name}: ends at offset {reader.ReadEnd()}, but the ledger has applied it up to {source.AppliedThrough}: an older copy was restored. "
                + "Put the newer copy back. If it is lost, restore the log and the database from the same backup, as docs/operations.md describes.");
        }

        var tail = SourceScan.TailHash(reader, source.AppliedThrough);
        if (tail.Length > 0 && source.TailHash.Length > 0 && !source.TailHash.Span.SequenceEqual(tail))
        {
            throw Changed(reader, source.AppliedThrough);
        }
    }

    /// <summary>Creates the error for a changed source.</summary>
    public static SourceStoppedException Changed(ISourceReader reader, long appliedThrough) => new(
        $"{reader.Name}: the bytes before offset {appliedThrough} differ from those that the ledger applied: the source was restored, cloned or changed. "
        + "Put the applied state back. If it is lost, restore the log and the database from the same "
            + "backup, as docs/operations.md describes.");
}

using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Rule M11: the bytes up to a source's applied offset must be those that were applied.</summary>
internal static class SourceCheck
{
    /// <summary>Compares the source's bytes with the ledger's record of them.</summary>
    /// <exception cref="SourceStoppedException">They are not the same: a restored, cloned, cut or replaced source.</exception>
    public static void Verify(ISourceReader reader, LedgerSource source)
    {
        if (source.AppliedThrough < reader.FirstOffset)
        {
            throw new SourceStoppedException(
                $"{reader.Name}: kept from offset {reader.FirstOffset} on, but applied only through {source.AppliedThrough}: the bytes between are missing. "
                    + "Put the removed segments back.");
        }

        if (source.AppliedThrough > reader.ReadEnd())
        {
            throw new SourceStoppedException(
                $"{reader.Name}: ends at offset {reader.ReadEnd()}, but the ledger has applied it through {source.AppliedThrough}: an older copy was restored. "
                + "Put the newer one back. If it is gone, restore the log and the database from one backup, as docs/operations.md describes.");
        }

        var tail = SourceScan.TailHash(reader, source.AppliedThrough);
        if (tail.Length > 0 && source.TailHash.Length > 0 && !source.TailHash.Span.SequenceEqual(tail))
        {
            throw Changed(reader, source.AppliedThrough);
        }
    }

    /// <summary>As an error for people.</summary>
    public static SourceStoppedException Changed(ISourceReader reader, long appliedThrough) => new(
        $"{reader.Name}: the bytes before offset {appliedThrough} are not the ones that the ledger has applied: this is another state of the source "
        + "(restored, cloned or changed). Put the applied one back. If it is gone, restore the log and the database from one "
            + "backup, as docs/operations.md describes.");
}

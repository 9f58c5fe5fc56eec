using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Obtains this processor's next range of a source, by take-over or claim (rule M3). Thread-safe.</summary>
internal sealed class RangeTaker(ApplyServices services, ISourceReader reader, Guid sourceId, long through, Guid owner)
{
    /// <summary>Takes over an unfinished range, else claims the next piece of the source.</summary>
    public async Task<EventRange?> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var source = await FindSourceAsync(cancellationToken).ConfigureAwait(false);
            if (source.AppliedThrough < through)
            {
                // Check rule M11 at each claim: a copy may have replaced the source since the last claim.
                SourceCheck.Verify(reader, source);
            }

            // Bytes after the end belong to a later state of the file, which this process has not opened.
            var readable = reader.ReadEnd();
            if (source.ClaimedThrough > source.AppliedThrough
                && await services.Retry.RunAsync(
                    token => RangeClaims.TryTakeOverAsync(services.Database, sourceId, owner, services.Options.Lease, readable, token),
                    cancellationToken).ConfigureAwait(false) is { } left)
            {
                return left;
            }

            if (source.ClaimedThrough >= through)
            {
                return null;
            }

            var from = source.ClaimedThrough;
            var target = from + Share(through - from);
            var to = target < through ? SourceScan.NextLineStart(reader, target, through) : through;
            var claimed = await services.Retry.RunAsync(
                token => RangeClaims.TryClaimAsync(services.Database, sourceId, from, to, owner, services.Options.Lease, token),
                cancellationToken).ConfigureAwait(false);
            if (claimed is not null)
            {
                return claimed;
            }

            if ((await FindSourceAsync(cancellationToken).ConfigureAwait(false)).ClaimedThrough == from)
            {
                // The maximum number of ranges is open. Some must be closed first.
                return null;
            }
        }
    }

    /// <summary>How many of the remaining bytes to claim: all, or half if the other half is large enough for another processor. A user is merged once per
    /// range, so a few large ranges cost less than many small ones.</summary>
    private long Share(long left) => left < 2 * services.Options.RangeBytes ? left : Math.Max(services.Options.RangeBytes, left / 2);

    /// <summary>Reads the source.</summary>
    /// <exception cref="SourceStoppedException">The ledger does not contain the source.</exception>
    public async Task<LedgerSource> FindSourceAsync(CancellationToken cancellationToken) =>
        await services.Retry.RunAsync(token => services.Sources.FindAsync(sourceId, token), cancellationToken).ConfigureAwait(false) ?? throw Unknown();

    /// <summary>Creates the error for a source that the ledger no longer contains.</summary>
    public SourceStoppedException Unknown() => new(
        $"{reader.Name}: the ledger no longer contains this source, because its database was replaced. Restart this program.");
}

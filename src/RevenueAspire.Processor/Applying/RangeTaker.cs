using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Gets a processor its next range of a source, by a take-over or a claim (rule M3). Thread-safe.</summary>
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
                // Rule M11 at each claim: a copy may have been put in the source's place since the last one.
                SourceCheck.Verify(reader, source);
            }

            // Bytes after the end are a later state of the file, which this process has not opened.
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
                // As many ranges are open as may be: first some must be closed.
                return null;
            }
        }
    }

    /// <summary>Bytes to claim of the rest: all of it, or half if the other half is worth the help of another processor. The users of each range are
    /// merged once, so few large ranges cost less than many.</summary>
    private long Share(long left) => left < 2 * services.Options.RangeBytes ? left : Math.Max(services.Options.RangeBytes, left / 2);

    /// <summary>Reads the source.</summary>
    /// <exception cref="SourceStoppedException">The ledger does not know it.</exception>
    public async Task<LedgerSource> FindSourceAsync(CancellationToken cancellationToken) =>
        await services.Retry.RunAsync(token => services.Sources.FindAsync(sourceId, token), cancellationToken).ConfigureAwait(false) ?? throw Unknown();

    /// <summary>The error of a source that the ledger does not know.</summary>
    public SourceStoppedException Unknown() => new($"{reader.Name}: the ledger no longer knows this source: its database was replaced. Start again.");
}

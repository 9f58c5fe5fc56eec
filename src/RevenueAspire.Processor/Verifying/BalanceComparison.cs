using System.Numerics;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Compares the balances in the table with sums of events.</summary>
internal static class BalanceComparison
{
    /// <summary>Compares all users. Both sides are in byte order of the ids, so memory does not grow with the number of users.</summary>
    /// <param name="snapshot">The snapshot to read the table from.</param>
    /// <param name="sums">The sums of the events.</param>
    /// <param name="isComplete">Whether all applied bytes were aggregated. If not, a different balance is not reported, but added to
    /// <paramref name="residue"/>.</param>
    /// <param name="residue">Receives the balances that unread bytes may explain.</param>
    /// <param name="report">Called for each user that certainly differs.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The number of users with an event or a row, and the number of those that differ.</returns>
    public static async Task<(long Users, long Differences)> RunAsync(
        LedgerSnapshot snapshot, ISortedDeltas sums, bool isComplete, Residue residue, Action<LedgerDifference> report, CancellationToken cancellationToken)
    {
        var (users, differences) = (0L, 0L);
        var events = sums.ReadAfter([]);
        var hasEvents = events.Read();
        await foreach (var (userId, revenue) in snapshot.ReadBalancesAsync(cancellationToken).ConfigureAwait(false))
        {
            while (hasEvents && events.UserId.SequenceCompareTo(userId.Span) < 0)
            {
                ReportMissing();
            }

            users++;
            BigInteger? sum = null;
            if (hasEvents && events.UserId.SequenceEqual(userId.Span))
            {
                sum = events.Delta;
                hasEvents = events.Read();
            }

            if (revenue == sum)
            {
                continue;
            }

            var difference = new LedgerDifference(userId.ToArray(), revenue, sum);
            if (isComplete)
            {
                differences++;
                report(difference);
            }
            else
            {
                residue.Add(difference);
            }
        }

        while (hasEvents)
        {
            ReportMissing();
        }

        return (users, differences);

        // Every user with an event must have a row, regardless of the unread bytes.
        void ReportMissing()
        {
            cancellationToken.ThrowIfCancellationRequested();
            users++;
            differences++;
            report(new LedgerDifference(events.UserId.ToArray(), null, events.Delta));

            // The user's share of the unread revenue is unknown, so the total of the other balances proves nothing.
            residue.IsExact = false;
            hasEvents = events.Read();
        }
    }
}

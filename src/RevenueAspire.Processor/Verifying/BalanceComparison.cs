using System.Numerics;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Compares the balances in the table with sums of events.</summary>
internal static class BalanceComparison
{
    /// <summary>Compares all users. Both sides come in order of the users' bytes, so memory does not grow with their number.</summary>
    /// <param name="snapshot">Reads the table.</param>
    /// <param name="sums">The sums of the events.</param>
    /// <param name="isComplete">Whether every byte that the ledger has was aggregated. Else a balance with another value is not a difference, but goes to
    /// <paramref name="residue"/>.</param>
    /// <param name="residue">Balances that unread bytes may explain.</param>
    /// <param name="report">Called per user that differs for certain.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Users with an event or a row, and those of them that differ.</returns>
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

        // Every user of an event has a row, whatever the unread bytes hold.
        void ReportMissing()
        {
            cancellationToken.ThrowIfCancellationRequested();
            users++;
            differences++;
            report(new LedgerDifference(events.UserId.ToArray(), null, events.Delta));

            // How much of the unread revenue belongs to the user is not known, so the other balances prove nothing together.
            residue.IsExact = false;
            hasEvents = events.Read();
        }
    }
}

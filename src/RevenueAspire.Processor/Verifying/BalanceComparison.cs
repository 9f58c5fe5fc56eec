using System.Numerics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Compares the balances in the table with sums of events.</summary>
internal static class BalanceComparison
{
    /// <summary>Compares the users of a scope.</summary>
    /// <param name="snapshot">Reads the table.</param>
    /// <param name="sums">What the events add up to; the users that have a row are marked.</param>
    /// <param name="scope">Which users are compared.</param>
    /// <param name="isComplete">Whether every byte that the ledger has was aggregated. Else a balance with another value is not a difference, but goes to
    /// <paramref name="residue"/>.</param>
    /// <param name="residue">Balances that unread bytes may explain.</param>
    /// <param name="report">Called per user that differs for certain.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Users with an event or a row, and those of them that differ.</returns>
    public static async Task<(long Users, long Differences)> RunAsync(
        LedgerSnapshot snapshot, UserSums sums, AggregationScope scope, bool isComplete, Residue residue, Action<LedgerDifference> report,
        CancellationToken cancellationToken)
    {
        var (users, differences) = ((long)sums.Count, 0L);
        await foreach (var (userId, revenue) in snapshot.ReadBalancesAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!scope.Contains(userId))
            {
                continue;
            }

            BigInteger? sum = null;
            if (sums.TryFind(userId, out var record))
            {
                sums.Mark(record);
                sum = sums.Sum(record);
            }
            else
            {
                users++;
            }

            if (revenue == sum)
            {
                continue;
            }

            var difference = new LedgerDifference(userId, revenue, sum);
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

        var records = new uint[sums.Count];
        sums.CopyRecords(records);
        foreach (var record in records.Where(record => !sums.IsMarked(record)))
        {
            // Every user of an event has a row, whatever the unread bytes hold.
            differences++;
            report(new LedgerDifference(sums.UserId(record).ToArray(), null, sums.Sum(record)));
            // How much of the unread revenue belongs to it is not known, so the other balances prove nothing together.
            residue.IsExact = false;
        }

        return (users, differences);
    }
}

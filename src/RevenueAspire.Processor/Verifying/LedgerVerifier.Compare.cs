using System.Numerics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Verifying;

/// <content>The comparison of the table with what was folded.</content>
internal sealed partial class LedgerVerifier
{
    private async Task<(long Users, long Differences)> CompareAsync(
        LedgerSnapshot snapshot, UserSums sums, FoldScope scope, Residue residue, Action<LedgerDifference> report, CancellationToken cancellationToken)
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
            if (_unchecked.IsEmpty)
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

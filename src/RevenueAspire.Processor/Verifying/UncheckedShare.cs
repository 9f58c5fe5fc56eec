using System.Numerics;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Verifying;

/// <summary>The events and the revenue that the ledger has of the bytes that verify could not aggregate. Not thread-safe.</summary>
internal sealed class UncheckedShare
{
    /// <summary>Whether every byte of the ledger was aggregated.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>False where a range is merged in part: its share up to now is not known.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>Events in these bytes; each changes one balance.</summary>
    public long Events { get; private set; }

    /// <summary>Sum of these events.</summary>
    public BigInteger Revenue { get; private set; }

    /// <summary>Adds a source of which nothing was aggregated.</summary>
    public void AddWhole(VerifiedSource source, IReadOnlyDictionary<Guid, BigInteger> revenues)
    {
        foreach (var generation in source.Generations)
        {
            AddRest(SourceTotals.Of(generation, revenues[generation.Id]), default);
        }

        foreach (var frozen in source.Ranges.Select(range => range.Frozen!))
        {
            if (frozen.Parts.All(part => part.MergedThrough.Span.SequenceEqual(part.UpperKey.Span)))
            {
                AddRest(SourceTotals.Of(frozen), default);
            }
            else if (frozen.Parts.Any(part => !part.MergedThrough.IsEmpty))
            {
                AddUnknown();
            }
        }
    }

    /// <summary>Adds a range that is merged up to some user.</summary>
    public void AddUnknown() => IsEmpty = IsExact = false;

    /// <summary>Adds the part of a source that was not aggregated.</summary>
    /// <param name="table">The ledger's totals.</param>
    /// <param name="aggregated">The aggregated totals.</param>
    public void AddRest(SourceTotals table, SourceTotals aggregated)
    {
        IsEmpty &= table.Events == aggregated.Events && table.Revenue == aggregated.Revenue;
        Events += table.Events - aggregated.Events;
        Revenue += table.Revenue - aggregated.Revenue;
    }
}

/// <summary>The balances that are not the sum of the sources that could be read. Not thread-safe.</summary>
internal sealed class Residue
{
    /// <summary>Users that are kept to be named; all are counted.</summary>
    private const int Named = 20;

    private readonly List<LedgerDifference> _users = [];
    private long _count;
    private BigInteger _revenue;

    /// <summary>Cleared where a user has lost its row.</summary>
    public bool IsExact { get; set; } = true;

    /// <summary>Adds a user whose balance is another than the sum.</summary>
    public void Add(LedgerDifference user)
    {
        _count++;
        _revenue += (user.Table ?? 0) - (user.Events ?? 0);
        if (_users.Count < Named)
        {
            _users.Add(user);
        }
    }

    /// <summary>Compares with the share that the unread bytes have.</summary>
    public UncheckedUsers Against(UncheckedShare share) => new(
        _count, _revenue, share.Events, share.Revenue, IsExact && share.IsExact && (_revenue != share.Revenue || _count > share.Events), _users);
}

/// <summary>Users whose balance could not be checked, since unread bytes may have a share in it.</summary>
/// <param name="Users">How many.</param>
/// <param name="Revenue">The part of their balances beyond the sum of the other sources, together.</param>
/// <param name="UnreadEvents">Events in the unread bytes, as the ledger says.</param>
/// <param name="UnreadRevenue">Sum of these events, as the ledger says.</param>
/// <param name="Contradicts">The unread bytes cannot explain these balances: a balance or a total of a source is certainly wrong.</param>
/// <param name="First">Up to 20 of the users.</param>
internal sealed record UncheckedUsers(
    long Users, BigInteger Revenue, long UnreadEvents, BigInteger UnreadRevenue, bool Contradicts, IReadOnlyList<LedgerDifference> First);

using System.Numerics;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Verifying;

/// <summary>The events and the revenue that the ledger records for bytes that verify could not aggregate. Not thread-safe.</summary>
internal sealed class UncheckedShare
{
    /// <summary>Whether all applied bytes were aggregated.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>False if a range is partly merged, because its current share is unknown.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>Number of events in these bytes. Each event changes one balance.</summary>
    public long Events { get; private set; }

    /// <summary>Sum of these events.</summary>
    public BigInteger Revenue { get; private set; }

    /// <summary>Adds a source without any aggregated bytes.</summary>
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

    /// <summary>Adds a partly merged range.</summary>
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

/// <summary>The balances that differ from the sums of the readable sources. Not thread-safe.</summary>
internal sealed class Residue
{
    /// <summary>Maximum number of users to list. All users are counted.</summary>
    private const int Named = 20;

    private readonly List<LedgerDifference> _users = [];
    private long _count;
    private BigInteger _revenue;

    /// <summary>Set to false if a user with events has no row.</summary>
    public bool IsExact { get; set; } = true;

    /// <summary>Adds a user whose balance differs from the sum.</summary>
    public void Add(LedgerDifference user)
    {
        _count++;
        _revenue += (user.Table ?? 0) - (user.Events ?? 0);
        if (_users.Count < Named)
        {
            _users.Add(user);
        }
    }

    /// <summary>Compares these balances with the share of the unread bytes.</summary>
    public UncheckedUsers Against(UncheckedShare share) => new(
        _count, _revenue, share.Events, share.Revenue, IsExact && share.IsExact && (_revenue != share.Revenue || _count > share.Events), _users);
}

/// <summary>Users with balances that could not be checked, because unread bytes may contribute to them.</summary>
/// <param name="Users">Number of users.</param>
/// <param name="Revenue">The total by which their balances exceed the sums of the readable sources.</param>
/// <param name="UnreadEvents">Number of events in the unread bytes, according to the ledger.</param>
/// <param name="UnreadRevenue">Sum of these events, according to the ledger.</param>
/// <param name="Contradicts">Whether the unread bytes cannot explain these balances. If so, a balance or a total of a source is certainly wrong.</param>
/// <param name="First">Up to 20 of the users.</param>
internal sealed record UncheckedUsers(
    long Users, BigInteger Revenue, long UnreadEvents, BigInteger UnreadRevenue, bool Contradicts, IReadOnlyList<LedgerDifference> First);

using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The aggregate of a range: sums per user, rejected lines, counts. Lives until its aggregator runs again.</summary>
internal sealed class RangeAggregate
{
    /// <summary>First byte of the range.</summary>
    public required long From { get; init; }

    /// <summary>Exclusive end: the asked one, or an earlier beginning of a line where a limit was reached.</summary>
    public required long End { get; init; }

    /// <summary>SHA-256 of the bytes; empty when it was not asked for.</summary>
    public required ReadOnlyMemory<byte> BytesHash { get; init; }

    /// <summary>Lines, blank ones included.</summary>
    public required long Lines { get; init; }

    /// <summary>Valid events.</summary>
    public required long Events { get; init; }

    /// <summary>Sum of the events of all users.</summary>
    public Int128 Revenue => Sum;

    /// <summary>As <see cref="Revenue"/>.</summary>
    public required WideSum Sum { get; init; }

    /// <summary>Number of rejected lines, held or not.</summary>
    public required long RejectedLines { get; init; }

    /// <summary>Rejected lines in order of offset; none where they are not held.</summary>
    public required IReadOnlyList<RejectedLine> Rejects { get; init; }

    /// <summary>Log only: stretches that could not be read; each is among the rejects, too.</summary>
    public required IReadOnlyList<UnreadableStretch> Damage { get; init; }

    /// <summary>Log only: the record whose event name is unknown here (rule M9); the aggregate must then not be used. Else null.</summary>
    public required long? UnknownNameAt { get; init; }

    /// <summary>Has the users.</summary>
    public required RangeAggregator Aggregator { get; init; }

    /// <inheritdoc cref="RangeAggregator.Sort"/>
    public IRangeUsers Sort() => Aggregator.Sort();
}

/// <summary>Bytes of a log that are damaged or missing.</summary>
/// <param name="From">First byte.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Reason">For people.</param>
internal readonly record struct UnreadableStretch(long From, long Through, string Reason);

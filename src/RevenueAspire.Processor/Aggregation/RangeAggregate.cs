using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The aggregate of a range: sums per user, rejected lines, counts. Valid until its aggregator runs again.</summary>
internal sealed class RangeAggregate
{
    /// <summary>First byte of the range.</summary>
    public required long From { get; init; }

    /// <summary>Exclusive end: the requested end, or the start of an earlier line if a limit was reached.</summary>
    public required long End { get; init; }

    /// <summary>SHA-256 of the bytes; empty if not requested.</summary>
    public required ReadOnlyMemory<byte> BytesHash { get; init; }

    /// <summary>Number of lines, including blank ones.</summary>
    public required long Lines { get; init; }

    /// <summary>Number of valid events.</summary>
    public required long Events { get; init; }

    /// <summary>Sum of the events of all users.</summary>
    public Int128 Revenue => Sum;

    /// <summary><see cref="Revenue"/> as two 64-bit halves.</summary>
    public required WideSum Sum { get; init; }

    /// <summary>Number of rejected lines, stored or not.</summary>
    public required long RejectedLines { get; init; }

    /// <summary>The stored rejected lines in order of offset; empty if rejects are not stored.</summary>
    public required IReadOnlyList<RejectedLine> Rejects { get; init; }

    /// <summary>Log only: unreadable stretches. Each is also a reject.</summary>
    public required IReadOnlyList<UnreadableStretch> Damage { get; init; }

    /// <summary>Log only: offset of a record with an event name that this process does not know (rule M9); else null. If set, the aggregate must not be
    /// used.</summary>
    public required long? UnknownNameAt { get; init; }

    /// <summary>The aggregator that holds the users.</summary>
    public required RangeAggregator Aggregator { get; init; }

    /// <inheritdoc cref="RangeAggregator.Sort"/>
    public IRangeUsers Sort() => Aggregator.Sort();
}

/// <summary>Bytes of a log that are damaged or missing.</summary>
/// <param name="From">First byte.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Reason">Human-readable reason.</param>
internal readonly record struct UnreadableStretch(long From, long Through, string Reason);

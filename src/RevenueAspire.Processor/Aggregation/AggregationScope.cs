namespace RevenueAspire.Processor.Aggregation;

/// <summary>Which users an aggregation takes, and how often each event counts: for passes over a part of the users at a time, and for files that were counted
/// more than once.</summary>
/// <param name="Times">How often an event counts, at least 1.</param>
/// <param name="PartitionBits">The users are cut into 2 to this power of partitions, at most 31.</param>
/// <param name="Partition">The partition that is taken.</param>
internal readonly record struct AggregationScope(int Times, int PartitionBits, uint Partition)
{
    /// <summary>All users, each event once.</summary>
    public static AggregationScope Everything { get; } = new(1, 0, 0);

    /// <summary>Whether a user with this hash is taken. The upper bits decide, since a table places users by the lower ones.</summary>
    public bool Contains(uint hash) => PartitionBits == 0 || hash >> (32 - PartitionBits) == Partition;

    /// <summary>Whether a user is taken.</summary>
    public bool Contains(ReadOnlySpan<byte> userId) => PartitionBits == 0 || Contains(KeyHash.Compute(userId));
}

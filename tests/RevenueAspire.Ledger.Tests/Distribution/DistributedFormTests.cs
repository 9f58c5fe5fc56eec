namespace RevenueAspire.Ledger.Tests;

// Repeats the tests of rules M2 to M8 with the statements of a distributed ledger.

public sealed class DistributedLiveApplyTests : LiveApplyTests
{
    protected override bool IsDistributed => true;
}

public sealed class DistributedPartMergeTests : PartMergeTests
{
    protected override bool IsDistributed => true;
}

public sealed class DistributedConcurrentMergeTests : ConcurrentMergeTests
{
    protected override bool IsDistributed => true;
}

public sealed class DistributedInDoubtTests : InDoubtTests
{
    protected override bool IsDistributed => true;
}

public sealed class DistributedNewUsersTests : NewUsersTests
{
    protected override bool IsDistributed => true;
}

public sealed class DistributedRangeCloseTests : RangeCloseTests
{
    protected override bool IsDistributed => true;
}

using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class BatchMemoryTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private static BatchMemory Memory(long bytes) => new(Options.Create(new ApiOptions { BatchMemoryBytes = bytes }), TimeProvider.System);

    [Fact]
    public async Task Waiting_batches_are_served_in_order()
    {
        var memory = Memory(100);
        var first = await memory.ReserveAsync(100, Long, CancellationToken.None);
        var large = memory.ReserveAsync(80, Long, CancellationToken.None).AsTask();
        var small = memory.ReserveAsync(10, Long, CancellationToken.None).AsTask();
        Assert.False(small.IsCompleted);

        first!.Dispose();

        Assert.NotNull(await large);
        Assert.NotNull(await small);
    }

    [Fact]
    public async Task A_batch_that_gives_up_does_not_block_later_ones()
    {
        var memory = Memory(100);
        using var first = await memory.ReserveAsync(50, Long, CancellationToken.None);
        using var cancel = new CancellationTokenSource();
        var large = memory.ReserveAsync(80, Long, cancel.Token).AsTask();
        var small = memory.ReserveAsync(10, Long, CancellationToken.None).AsTask();
        Assert.False(small.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        Assert.NotNull(await small.WaitAsync(Long));
    }

    [Fact]
    public async Task A_timeout_returns_null_and_reserves_nothing()
    {
        var memory = Memory(100);
        var first = await memory.ReserveAsync(60, Long, CancellationToken.None);

        Assert.Null(await memory.ReserveAsync(50, TimeSpan.FromMilliseconds(20), CancellationToken.None));

        first!.Dispose();
        Assert.NotNull(await memory.ReserveAsync(100, TimeSpan.Zero, CancellationToken.None));
    }

    [Fact]
    public async Task A_reservation_grows_only_into_free_memory()
    {
        var memory = Memory(BatchMemory.For(1000) + 500);
        using var share = await memory.ReserveAsync(BatchMemory.For(10), Long, CancellationToken.None);

        Assert.True(share!.TryGrowTo(1000));
        Assert.True(share.TryGrowTo(5));
        Assert.False(share.TryGrowTo(1_000_000));
    }

    [Fact]
    public async Task All_reserved_memory_is_returned()
    {
        var memory = Memory(1000);
        var random = Seed.Random(nameof(All_reserved_memory_is_returned));
        var plans = Enumerable.Range(0, 400)
            .Select(_ => (Bytes: random.Next(1, 900), Wait: random.Next(0, 30), Hold: random.Next(0, 3), Cancel: random.Next(0, 40))).ToList();

        await Task.WhenAll(plans.Select(plan => Task.Run(async () =>
        {
            using var cancel = new CancellationTokenSource(plan.Cancel);
            try
            {
                using var share = await memory.ReserveAsync(plan.Bytes, TimeSpan.FromMilliseconds(plan.Wait), cancel.Token);
                await Task.Delay(plan.Hold, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                // Some of the plans cancel.
            }
        })));

        Assert.True(await memory.ReserveAsync(1000, TimeSpan.Zero, CancellationToken.None) is not null, Seed.Hint);
    }
}

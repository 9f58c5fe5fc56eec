using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class BatchMemoryTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private static BatchMemory Memory(long bytes) => new(Options.Create(new ApiOptions { BatchMemoryBytes = bytes }), TimeProvider.System);

    [Fact]
    public async Task Who_waits_is_served_in_order()
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
    public async Task Who_gives_up_lets_those_behind_pass()
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
    public async Task Not_in_time_is_null_and_takes_nothing()
    {
        var memory = Memory(100);
        var first = await memory.ReserveAsync(60, Long, CancellationToken.None);

        Assert.Null(await memory.ReserveAsync(50, TimeSpan.FromMilliseconds(20), CancellationToken.None));

        first!.Dispose();
        Assert.NotNull(await memory.ReserveAsync(100, TimeSpan.Zero, CancellationToken.None));
    }

    [Fact]
    public async Task A_share_grows_only_into_what_is_free()
    {
        var memory = Memory(BatchMemory.For(1000) + 500);
        using var share = await memory.ReserveAsync(BatchMemory.For(10), Long, CancellationToken.None);

        Assert.True(share!.TryGrowTo(1000));
        Assert.True(share.TryGrowTo(5));
        Assert.False(share.TryGrowTo(1_000_000));
    }

    [Fact]
    public async Task Whatever_is_taken_comes_back()
    {
        var memory = Memory(1000);
        var random = Seed.Random(nameof(Whatever_is_taken_comes_back));
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
                // That is the plan of some.
            }
        })));

        Assert.True(await memory.ReserveAsync(1000, TimeSpan.Zero, CancellationToken.None) is not null, Seed.Hint);
    }
}

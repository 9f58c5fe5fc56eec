using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>The promises of idempotency keys, for every store (rule L9).</summary>
public abstract class KeyContract : IAsyncDisposable
{
    private readonly LogFixture _fixture;

    private protected KeyContract(LogFixture fixture) => _fixture = fixture;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task L9_a_repeat_gets_the_first_receipt_and_counts_and_is_not_appended_even_after_a_restart()
    {
        var log = await _fixture.OpenAsync();
        var id = log.LogId;
        var first = await AppendAsync(log, TestLog.Group(["a", "b"], "k", rejected: 3));
        Assert.Equal(first with { Status = AppendStatus.Repeated }, await AppendAsync(log, TestLog.Group(["a", "b"], "k")));
        await log.DisposeAsync();

        log = await _fixture.OpenAsync();
        var repeat = await AppendAsync(log, TestLog.Group(["a", "b"], "k"));

        Assert.Equal(first with { Status = AppendStatus.Repeated }, repeat);
        Assert.Equal((2, 3), (repeat.Accepted, repeat.RejectedCount));
        Assert.Equal(AppendStatus.KeyConflict, (await AppendAsync(log, TestLog.Single("c", "k"))).Status);
        Assert.Equal(["a", "b"], TestLog.Users(_fixture.ReadAll(id)));
    }

    [Fact]
    public async Task L9_the_same_key_with_another_body_is_a_conflict_and_keys_are_case_sensitive()
    {
        var log = await _fixture.OpenAsync();
        await AppendAsync(log, TestLog.Single("a", "k", "body 1"));

        Assert.Equal(new AppendResult(AppendStatus.KeyConflict, default, 0, 0), await AppendAsync(log, TestLog.Single("a", "k", "body 2")));
        Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Single("a", "K", "body 2"))).Status);
        Assert.Equal(2, TestLog.Users(_fixture.ReadAll(log.LogId)).Count);
    }

    [Fact]
    public async Task L9_keys_belong_to_their_caller_in_flight_and_after_a_restart()
    {
        string?[] callers = [null, "shop-1", "shop-2", "a \"quoted\\ näme\u0001"];
        AppendGroup[] Groups() =>
            [.. callers.Select((caller, i) => TestLog.Group([$"u{i}", "last"], "k", rejected: i, caller: caller))];
        var log = await _fixture.OpenAsync();
        Task<AppendResult>[] appends;
        await using (await _fixture.HoldAsync())
        {
            appends = [.. Groups().Select(group => AppendAsync(log, group))];
        }

        var first = await Task.WhenAll(appends);
        Assert.All(first, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(callers.Length, first.Select(result => result.Receipt).Distinct().Count());
        await log.DisposeAsync();

        log = await _fixture.OpenAsync();
        var repeats = await Task.WhenAll(Groups().Select(group => AppendAsync(log, group)));

        Assert.Equal(first.Select(result => result with { Status = AppendStatus.Repeated }), repeats);
        Assert.Equal(AppendStatus.KeyConflict, (await AppendAsync(log, TestLog.Single("c", "k", caller: "shop-2"))).Status);
        Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Single("c", "k", caller: "shop-3"))).Status);
    }

    [Fact]
    public async Task L9_a_repeat_in_flight_waits_for_the_first_attempt_and_gets_its_outcome()
    {
        var log = await _fixture.OpenAsync();
        Task<AppendResult>[] appends;
        await using (await _fixture.HoldAsync())
        {
            appends = [AppendAsync(log, TestLog.Single("a", "k")), AppendAsync(log, TestLog.Single("a", "k")),
                AppendAsync(log, TestLog.Single("a", "k", "other body"))];
            Assert.All(appends, append => Assert.False(append.IsCompleted));
        }

        var results = await Task.WhenAll(appends);
        Assert.Equal([AppendStatus.Appended, AppendStatus.Repeated, AppendStatus.KeyConflict], results.Select(result => result.Status));
        Assert.Equal(results[0].Receipt, results[1].Receipt);
        Assert.Equal(["a"], TestLog.Users(_fixture.ReadAll(log.LogId)));
        Assert.Equal(0, log.QueueDepth);
    }

    [Fact]
    public async Task L9_when_the_first_attempt_fails_its_repeats_fail_too_and_the_next_attempt_counts()
    {
        var log = await _fixture.OpenAsync();
        Task<AppendResult>[] appends;
        await using (await _fixture.RefuseAsync())
        {
            await using (await _fixture.HoldAsync())
            {
                appends = [AppendAsync(log, TestLog.Single("a", "k")), AppendAsync(log, TestLog.Single("a", "k"))];
            }

            Assert.All(await Task.WhenAll(appends), result => Assert.Equal(AppendStatus.Unavailable, result.Status));
        }

        var next = default(AppendResult);
        await Eventually.IsTrueAsync(async () => (next = await AppendAsync(log, TestLog.Single("a", "k"))).Status != AppendStatus.Unavailable);
        Assert.Equal(AppendStatus.Appended, next.Status);
        Assert.Equal(["a"], TestLog.Users(_fixture.ReadAll(log.LogId)));
    }

    [Fact]
    public async Task L9_a_repeat_does_not_affect_other_groups_of_the_same_commit()
    {
        var log = await _fixture.OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => AppendAsync(log, TestLog.Single($"u{i}", $"k{i}"))));
        Task<AppendResult>[] appends;
        await using (await _fixture.HoldAsync())
        {
            appends = [.. Enumerable.Range(0, 60).Select(i => AppendAsync(log, TestLog.Single($"u{i % 40}", i < 40 ? $"k{i}" : null)))];
        }

        var results = await Task.WhenAll(appends);
        Assert.Equal(Enumerable.Range(0, 60).Select(i => i < 20 ? AppendStatus.Repeated : AppendStatus.Appended), results.Select(result => result.Status));
        var counts = TestLog.Users(_fixture.ReadAll(log.LogId)).CountBy(user => user).ToDictionary();
        Assert.All(Enumerable.Range(0, 40), i => Assert.Equal(i < 20 ? 2 : 1, counts[$"u{i}"]));
    }

    [Fact]
    public async Task L9_only_the_last_keys_are_remembered_even_after_a_restart()
    {
        const int Window = 10;
        var log = await _fixture.OpenAsync(options => options.KeyWindow = Window);
        var first = new List<AppendResult>();
        for (var i = 0; i < 30; i++)
        {
            first.Add(await AppendAsync(log, TestLog.Single("a", $"k{i}")));
        }

        await _fixture.ForgetKeysAsync(Window);
        await AssertRememberedAsync();
        var keys = await log.ReadKeysAsync(CancellationToken.None);
        Assert.NotEqual(Guid.Empty, keys.Id);
        Assert.InRange(keys.From, 1, keys.Through - 1);
        await log.DisposeAsync();
        log = await _fixture.OpenAsync(options => options.KeyWindow = Window);
        await AssertRememberedAsync();
        Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Single("a", $"k{30 - Window - 1}"))).Status);

        async Task AssertRememberedAsync()
        {
            for (var i = 30 - Window; i < 30; i++)
            {
                // Use another body: a forgotten key would otherwise be appended, and push other keys out of the window.
                Assert.Equal(AppendStatus.KeyConflict, (await AppendAsync(log, TestLog.Single("b", $"k{i}"))).Status);
                Assert.Equal(first[i] with { Status = AppendStatus.Repeated }, await AppendAsync(log, TestLog.Single("a", $"k{i}")));
            }
        }
    }

    private static Task<AppendResult> AppendAsync(EventLogWriter log, AppendGroup group) => log.AppendAsync(group, CancellationToken.None).AsTask();
}

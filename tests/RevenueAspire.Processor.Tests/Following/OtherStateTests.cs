using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;
using static RevenueAspire.Processor.Tests.Support.LogFollowing;

namespace RevenueAspire.Processor.Tests.Following;

/// <summary>Rule M11: a log that differs from the applied one, or that is an earlier state of it.</summary>
public sealed class OtherStateTests
{
    [Fact]
    public async Task M11_a_live_range_is_not_applied_after_a_different_tail()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var messages = new MessageLog();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions(), CancellationToken.None, messages);
        await AppliedAsync(ledger, log);

        // The ledger was restored, and another copy of the log was applied up to the same offset.
        await using (var restored = ledger.Database.CreateCommand("update event_source set tail_hash = sha256('other bytes')"))
        {
            await restored.ExecuteNonQueryAsync();
        }

        await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
        await following.WaitAsync(TimeSpan.FromSeconds(20));
        AssertStopped(messages, "differ from those that the ledger applied");
        Assert.Equal(1, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_a_log_whose_applied_bytes_have_changed_stops()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Add("b", 2).Bytes);
            await FollowOnceAsync(ledger, log);
        }

        var segment = Directory.GetFiles(directory).Single(path => new FileInfo(path).Length > 100
            && Path.GetFileName(path).StartsWith("00000", StringComparison.Ordinal) && !path.EndsWith(".crc", StringComparison.Ordinal));
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[Array.IndexOf(bytes, (byte)'1')] = (byte)'7';
        await File.WriteAllBytesAsync(segment, bytes);
        var messages = new MessageLog();
        await FollowAsync(ledger, directory, new ProcessorOptions(), CancellationToken.None, messages).WaitAsync(TimeSpan.FromSeconds(20));
        AssertStopped(messages, "differ from those that the ledger applied");
        Assert.Equal(1, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_an_older_copy_of_a_log_waits_with_a_warning_and_stops_after_it_has_grown()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var (directory, copy) = (ledger.Folder.File("log"), ledger.Folder.File("copy"));
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            Copy(directory, copy);
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
            await FollowOnceAsync(ledger, log);
        }

        var messages = new MessageLog();
        var waiting = FollowAsync(ledger, copy, new ProcessorOptions(), CancellationToken.None, messages);
        await messages.HasAsync("durable only up to");
        await using (var log = new TestLog(copy))
        {
            await Task.Delay(TimeSpan.FromSeconds(2.5));
            Assert.False(waiting.IsCompleted);
            Assert.Single(messages.Lines, line => line.Contains("durable only up to", StringComparison.Ordinal));
            await log.AppendAsync(new EventFile().Add("a", 50).Add("b", 60).Add("c", 70).Bytes);
            await waiting.WaitAsync(TimeSpan.FromSeconds(20));
        }

        AssertStopped(messages, "differ from those that the ledger applied");
        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_a_follower_waits_for_a_mark_that_a_power_cut_reset_and_applies_nothing_twice()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        byte[] older;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            older = await File.ReadAllBytesAsync(Path.Combine(directory, "durable.mark"));
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
            await FollowOnceAsync(ledger, log);
        }

        await File.WriteAllBytesAsync(Path.Combine(directory, "durable.mark"), older);
        var messages = new MessageLog();
        using var end = new CancellationTokenSource();
        var waiting = FollowAsync(ledger, directory, new ProcessorOptions(), end.Token, messages);
        await messages.HasAsync("durable only up to");
        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);

        // The API starts again: recovery keeps the whole group above the mark, and new events follow it.
        await ContinueAsync(ledger, directory, 4, waiting, end);
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_a_follower_waits_for_a_mark_that_a_power_cut_reset_to_before_a_claimed_range()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        byte[] older;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            older = await File.ReadAllBytesAsync(Path.Combine(directory, "durable.mark"));
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);

            // A processor had claimed the whole log before the power cut.
            await ledger.Sources.OpenLogAsync(log.LogId, directory, CancellationToken.None);
            var owner = Guid.NewGuid();
            var range = await RangeClaims.TryClaimAsync(ledger.Database, log.LogId, 0, log.Mark, owner, TimeSpan.FromMinutes(1), CancellationToken.None);
            await RangeClaims.ReleaseAsync(ledger.Database, range!.Id, owner, CancellationToken.None);
        }

        await File.WriteAllBytesAsync(Path.Combine(directory, "durable.mark"), older);
        var messages = new MessageLog();
        using var end = new CancellationTokenSource();
        var waiting = FollowAsync(ledger, directory, new ProcessorOptions(), end.Token, messages);
        await Eventually.IsTrueAsync(() => waiting.IsCompleted || messages.Lines.Any(line => line.Contains("durable only up to", StringComparison.Ordinal)));
        Assert.DoesNotContain(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal));
        await ContinueAsync(ledger, directory, 4, waiting, end);
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task M11_an_older_copy_that_replaces_the_log_of_a_running_follower_is_never_applied(bool inPlace)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var (directory, copy) = (ledger.Folder.File("log"), ledger.Folder.File("copy"));
        var messages = new MessageLog();
        Task following;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            Copy(directory, copy);
            following = FollowAsync(ledger, directory, new ProcessorOptions(), CancellationToken.None, messages);
            await log.AppendAsync(new EventFile().Add("b", 2).Add("c", 3).Bytes);
            await AppliedAsync(ledger, log);
        }

        if (inPlace)
        {
            Copy(copy, directory);
        }
        else
        {
            Directory.Delete(directory, recursive: true);
            Directory.Move(copy, directory);
            await messages.HasAsync("durable only up to");
        }

        await using (var log = new TestLog(directory))
        {
            for (var user = 0; user < 20; user++)
            {
                await log.AppendAsync(new EventFile().Add($"new{user}", 5).Bytes);
            }

            await following.WaitAsync(TimeSpan.FromSeconds(20));
        }

        AssertStopped(messages, "differ from those that the ledger applied");
        Assert.Equal(["a", "b", "c"], (await ledger.BalancesAsync()).Keys.Order());
    }

    [Fact]
    public async Task M11_a_log_with_removed_unapplied_records_stops()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), segmentBytes: 1 << 16);
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        await FollowOnceAsync(ledger, log);
        await log.AppendManyAsync();

        // Segments deleted by hand, or a ledger restored to a state before them.
        Assert.True(log.RemoveApplied(log.Mark) > 0);
        foreach (var liveRangeBytes in (int[])[1 << 20, 100])
        {
            var messages = new MessageLog();
            await FollowAsync(ledger, log.Directory, new ProcessorOptions { LiveRangeBytes = liveRangeBytes }, CancellationToken.None, messages).WaitAsync(
                TimeSpan.FromSeconds(20));
            AssertStopped(messages, "the bytes between are missing");
            Assert.Equal(1, Assert.Single(await ledger.BalancesAsync()).Value);
        }
    }

    [Fact]
    public async Task A_temporarily_unavailable_log_is_followed_again()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        var messages = new MessageLog();
        using var stop = new CancellationTokenSource();
        Task following;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            following = FollowAsync(ledger, directory, new ProcessorOptions(), stop.Token, messages);
            await AppliedAsync(ledger, log);
        }

        Directory.Move(directory, directory + ".elsewhere");
        await messages.HasAsync("retrying");
        Directory.Move(directory + ".elsewhere", directory);
        await ContinueAsync(ledger, directory, 2, following, stop);
        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);
    }

    /// <summary>
    /// Starts the API again, and appends one more event. The waiting follower applies it and all earlier records, and stops on request.
    /// </summary>
    private static async Task ContinueAsync(LedgerFixture ledger, string directory, long value, Task following, CancellationTokenSource stop)
    {
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", value).Bytes);
            await AppliedAsync(ledger, log);
        }

        Assert.False(following.IsCompleted);
        await stop.CancelAsync();
        await following;
    }

    private static void AssertStopped(MessageLog messages, string reason) =>
        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains(reason, StringComparison.Ordinal));

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var path in Directory.GetFiles(from).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)))
        {
            using var source = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var target = new FileStream(Path.Combine(to, Path.GetFileName(path)), FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
            source.CopyTo(target);
        }
    }
}

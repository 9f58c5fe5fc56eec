using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;
using static RevenueAspire.Processor.Tests.Support.LogFollowing;

namespace RevenueAspire.Processor.Tests.Following;

public sealed class LogFollowerTests
{
    [Theory]
    [InlineData(1, 1 << 20)]
    [InlineData(3, 1 << 20)]
    [InlineData(3, 700)]
    public async Task M2_followers_apply_each_record_once_while_the_log_grows(int followers, int liveRangeBytes)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random($"{nameof(M2_followers_apply_each_record_once_while_the_log_grows)} {followers} {liveRangeBytes}");
        await using var log = new TestLog(ledger.Folder.File("log"));
        using var stop = new CancellationTokenSource();
        var running = Enumerable.Range(0, followers).Select(_ =>
        {
            var options = LedgerFixture.Tiny(random);
            options.LiveRangeBytes = liveRangeBytes;
            return FollowAsync(ledger, log.Directory, options, stop.Token);
        }).ToArray();

        var files = new List<EventFile>();
        for (var batch = 0; batch < 30; batch++)
        {
            files.Add(EventFile.Random(random, random.Next(1, 60), 40));
            await log.AppendAsync(files[^1].Bytes);
            await Task.Delay(random.Next(0, 20));
        }

        await AppliedAsync(ledger, log);
        await ledger.AssertBalancesAsync([.. files]);
        Assert.Equal(files.Sum(file => file.Events), await ledger.ScalarAsync<long>("select events_through from event_source"));
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
        await stop.CancelAsync();
        await Task.WhenAll(running);
        Assert.Equal(0, await ledger.ScalarAsync<long>("select count(*) from event_source where lease_owner is not null"));
    }

    /// <summary>A failover reverts applies whose wait for the standby was cancelled. It reverts sums and watermark together.</summary>
    [Theory]
    [InlineData(
        "update event_source set (applied_through, claimed_through, lines_through, events_through, revenue_through, tail_hash) = "
        + "(0, 0, 0, 0, 0, ''); delete from users_revenue")]
    [InlineData("delete from event_source; delete from users_revenue")]
    public async Task R3_records_that_a_failover_reverted_are_applied_again_even_without_new_events(string failover)
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        await using var log = new TestLog(ledger.Folder.File("log"));
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions { LeaseSeconds = 1 }, stop.Token);
        var events = new EventFile().Add("a", 1).Add("b", 2);
        await log.AppendAsync(events.Bytes);
        await AppliedAsync(ledger, log);

        await ledger.ExecuteAsync($"begin; {failover}; commit");

        await AppliedAsync(ledger, log);
        await ledger.AssertBalancesAsync(events);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task M2_a_standby_takes_over_after_the_holder_died()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var options = new ProcessorOptions { LeaseSeconds = 2 };

        // The holder has died, and its lease has not yet expired.
        await ledger.Sources.OpenLogAsync(log.LogId, log.Directory, CancellationToken.None);
        Assert.True((await ledger.Sources.TryLeaseAsync(log.LogId, Guid.NewGuid(), TimeSpan.FromSeconds(2), CancellationToken.None)).IsHeld);
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, options, stop.Token);
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Idle_followers_hardly_use_the_database()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        using var stop = new CancellationTokenSource();
        var running = Enumerable.Range(0, 4).Select(_ => FollowAsync(ledger, log.Directory, new ProcessorOptions(), stop.Token)).ToArray();
        await AppliedAsync(ledger, log);
        await Task.Delay(TimeSpan.FromSeconds(2));
        // Each follower requests the lease every 5 s. One poll per second by each would need 16 or more transactions. Autovacuum's transactions count too, so
        // one of several measurements suffices.
        var least = long.MaxValue;
        for (var attempt = 0; least >= 16 && attempt < 4; attempt++)
        {
            var before = await ledger.TransactionsAsync();
            await Task.Delay(TimeSpan.FromSeconds(4));
            least = Math.Min(least, await ledger.TransactionsAsync() - before);
        }

        Assert.InRange(least, 0, 15);

        // The followers still work: the next event is applied.
        await log.AppendAsync(new EventFile().Add("b", 2).Bytes);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await Task.WhenAll(running);
        Assert.Equal(2, (await ledger.BalancesAsync()).Count);
    }

    [Fact]
    public async Task M9_an_unknown_event_name_stops_the_log_after_the_records_before_it_are_applied()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), EventTypes.Create([new("add_revenue", 1), new("gift", 1)]));
        var before = new EventFile().Add("a", 1).Add("b", 2);
        await log.AppendAsync(before.Bytes);
        var mark = log.Mark;
        await log.AppendAsync("{\"userId\":\"a\",\"name\":\"gift\",\"value\":5}"u8.ToArray());
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        foreach (var liveRangeBytes in (int[])[1 << 20, 1])
        {
            var messages = new MessageLog();
            await FollowAsync(ledger, log.Directory, new ProcessorOptions { LiveRangeBytes = liveRangeBytes }, CancellationToken.None, messages).WaitAsync(
                TimeSpan.FromSeconds(20));
            Assert.Contains(
                messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains($"offset {mark}", StringComparison.Ordinal));
            await ledger.AssertBalancesAsync(before);
        }

        // With the API's settings, the follower continues.
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(
            ledger, log.Directory, new ProcessorOptions(), stop.Token, types: EventTypes.Create([new("add_revenue", 1), new("gift", 1)]));
        await AppliedAsync(ledger, log);
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
        await stop.CancelAsync();
        await following;
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(10)]
    public async Task Invalid_records_of_a_log_are_reported_in_one_line_and_kept_as_rejects(int liveRangeBytes)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var good = new EventFile().Add("a", 1).Add("b", 2);
        await log.AppendAsync([.. good.Bytes, .. new EventFile().Add("bad", 7).Add("bad", 7).Bytes[..^1]]);
        var segment = Directory.GetFiles(log.Directory, "*.jsonl").Single();
        var bytes = await ReadSharedAsync(segment);
        var first = bytes.AsSpan().IndexOf("{\"userId\":\"bad\""u8);
        for (var at = first; at >= 0;)
        {
            // Damage that a disk without checksums, or an edit by hand, can cause in an unsealed segment.
            var value = bytes.AsSpan(at).IndexOf(":7"u8) + at + 1;
            await using (var write = new FileStream(segment, FileMode.Open, FileAccess.Write, FileShare.ReadWrite) { Position = value })
            {
                write.WriteByte((byte)'x');
            }

            var next = bytes.AsSpan(value).IndexOf("{\"userId\":\"bad\""u8);
            at = next < 0 ? -1 : value + next;
        }

        using var stop = new CancellationTokenSource();
        var messages = new MessageLog();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions { LiveRangeBytes = liveRangeBytes }, stop.Token, messages);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
        var message = Assert.Single(messages.Lines, line => line.Contains("are not events", StringComparison.Ordinal));
        Assert.Contains(
            $"2 records in bytes 0 to {log.Mark} are not events, although the API accepted them; the first is at offset {first}", message,
            StringComparison.Ordinal);
        Assert.DoesNotContain("\"bad\"", message, StringComparison.Ordinal);
        await ledger.AssertBalancesAsync(good);
        Assert.Equal([3, 4], await ledger.RejectedLinesAsync());
    }

    private static async Task<byte[]> ReadSharedAsync(string path)
    {
        await using var read = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        await read.CopyToAsync(copy);
        return copy.ToArray();
    }

    [Fact]
    public async Task M12_a_permanent_error_stops_the_log_and_is_reported()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await using (var refuse = ledger.Database.CreateCommand("alter table users_revenue add constraint no_b check (user_id <> 'b')"))
        {
            await refuse.ExecuteNonQueryAsync();
        }

        var messages = new MessageLog();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions(), CancellationToken.None, messages);
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        await AppliedAsync(ledger, log);
        await log.AppendAsync(new EventFile().Add("b", 1).Bytes);
        await following.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains("no_b", StringComparison.Ordinal));
        Assert.Equal(1, Assert.Single(await ledger.BalancesAsync()).Value);
    }

    [Fact]
    public async Task An_unexpected_error_stops_its_log_and_is_logged_in_full()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var messages = new MessageLog();
        var reader = LogSourceReader.Open(log.Directory);
        await new LogFollower(ledger.Services(), reader, new BrokenClock(), messages).RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains(messages.Lines, line => line.Contains("STOPPED by an error in this program", StringComparison.Ordinal));
        Assert.Contains(messages.Exceptions, exception => exception is NotSupportedException);
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(1 << 16)]
    public async Task Damage_in_a_sealed_segment_is_reported_and_recorded_as_a_reject_and_the_rest_counts(int liveRangeBytes)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), segmentBytes: 1 << 17);
        for (var batch = 0; batch < 8; batch++)
        {
            var file = new EventFile();
            for (var i = 0; i < 500; i++)
            {
                file.Add($"user{batch * 500 + i}", 1);
            }

            await log.AppendAsync(file.Bytes);
        }

        var sealedSegment = Directory.GetFiles(log.Directory).Where(path => new FileInfo(path).Length >= 1 << 17).Order(StringComparer.Ordinal).First();
        await using (var damaged = new FileStream(sealedSegment, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            damaged.Position = 70_000;
            var flipped = (byte)(damaged.ReadByte() ^ 1);
            damaged.Position = 70_000;
            damaged.WriteByte(flipped);
        }

        using var stop = new CancellationTokenSource();
        var messages = new MessageLog();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions { LiveRangeBytes = liveRangeBytes }, stop.Token, messages);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
        Assert.Single(messages.Lines, line => line.Contains("LOST: bytes 65536 to 131072", StringComparison.Ordinal));
        Assert.Equal(1, await ledger.CountAsync("rejected_event"));
        Assert.InRange(await ledger.ScalarAsync<long>("select \"offset\" from rejected_event"), 65_536 - 200, 65_536);
        var users = await ledger.CountAsync("users_revenue");
        Assert.InRange(users, 2500, 3700);
        Assert.Equal(users, await ledger.ScalarAsync<long>("select events_through from event_source"));
        var verified = (await ledger.VerifyAsync()).Result;
        Assert.Equal(0, verified.Differences);
        Assert.Contains("bytes 65536 to 131072", Assert.Single(verified.Unread), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Process_applies_a_log_up_to_its_mark_while_a_follower_runs()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(Process_applies_a_log_up_to_its_mark_while_a_follower_runs));
        await using var log = new TestLog(ledger.Folder.File("log"));
        var files = Enumerable.Range(0, 10).Select(_ => EventFile.Random(random, 100, 30)).ToArray();
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, LedgerFixture.Tiny(random), stop.Token);
        foreach (var file in files)
        {
            await log.AppendAsync(file.Bytes);
            using var reader = LogSourceReader.Open(log.Directory);
            var outcome = await new LogProcess(ledger.Services(LedgerFixture.Tiny(random))).RunAsync(
                reader, "log", new RunProgress("log"), CancellationToken.None);
            Assert.Equal(ExitCodes.Done, outcome.ExitCode);
            Assert.Equal(log.Mark, await ledger.ScalarAsync<long>("select applied_through from event_source"));
        }

        await ledger.AssertBalancesAsync(files);
        await stop.CancelAsync();
        await following;
    }

    private sealed class BrokenClock : TimeProvider
    {
        public override long GetTimestamp() => throw new NotSupportedException("a clock that fails");
    }
}

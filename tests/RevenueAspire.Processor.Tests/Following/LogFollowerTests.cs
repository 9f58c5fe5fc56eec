using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Events;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

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

    [Fact]
    public async Task M2_a_standby_takes_over_when_the_holder_is_gone()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var options = new ProcessorOptions { LeaseSeconds = 2 };

        // A holder that died: its lease stands until it ends.
        await ledger.Sources.OpenLogAsync(log.LogId, log.Directory, CancellationToken.None);
        Assert.True(await ledger.Sources.TryLeaseAsync(log.LogId, Guid.NewGuid(), TimeSpan.FromSeconds(2), CancellationToken.None));
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, options, stop.Token);
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Idle_followers_leave_the_database_alone()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        using var stop = new CancellationTokenSource();
        var running = Enumerable.Range(0, 4).Select(_ => FollowAsync(ledger, log.Directory, new ProcessorOptions(), stop.Token)).ToArray();
        await AppliedAsync(ledger, log);
        await Task.Delay(TimeSpan.FromSeconds(2));
        var before = await ledger.TransactionsAsync();
        await Task.Delay(TimeSpan.FromSeconds(4));

        // Each asks for the lease every 5 s; a look of each every second would be 20 and more.
        Assert.InRange(await ledger.TransactionsAsync() - before, 0, 16);

        // Yet nobody sleeps: the next event is applied, and so is the one after the holder has gone.
        await log.AppendAsync(new EventFile().Add("b", 2).Bytes);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await Task.WhenAll(running);
        Assert.Equal(2, (await ledger.BalancesAsync()).Count);
    }

    [Fact]
    public async Task M11_a_live_range_is_not_applied_behind_another_tail_than_the_follower_has()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var messages = new MessageLog();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions(), CancellationToken.None, messages);
        await AppliedAsync(ledger, log);

        // The ledger was set back, and another copy of the log was applied to the same offset.
        await using (var restored = ledger.Database.CreateCommand("update event_source set tail_hash = sha256('other bytes')"))
        {
            await restored.ExecuteNonQueryAsync();
        }

        await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
        await following.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains("not the ones that the ledger has applied", StringComparison.Ordinal));
        Assert.Equal(1, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M9_an_unknown_event_name_stops_the_log_behind_what_comes_before_it()
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
            await FollowAsync(ledger, log.Directory, new ProcessorOptions { LiveRangeBytes = liveRangeBytes }, CancellationToken.None, messages).WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains($"offset {mark}", StringComparison.Ordinal));
            await ledger.AssertBalancesAsync(before);
        }

        // With the API's settings it goes on.
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions(), stop.Token, types: EventTypes.Create([new("add_revenue", 1), new("gift", 1)]));
        await AppliedAsync(ledger, log);
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
        await stop.CancelAsync();
        await following;
    }

    [Fact]
    public async Task M11_a_log_whose_applied_bytes_are_others_now_stops()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Add("b", 2).Bytes);
            using var stop = new CancellationTokenSource();
            var following = FollowAsync(ledger, directory, new ProcessorOptions(), stop.Token);
            await AppliedAsync(ledger, log);
            await stop.CancelAsync();
            await following;
        }

        var segment = Directory.GetFiles(directory).Single(path => new FileInfo(path).Length > 100 && Path.GetFileName(path).StartsWith("00000", StringComparison.Ordinal) && !path.EndsWith(".crc", StringComparison.Ordinal));
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[Array.IndexOf(bytes, (byte)'1')] = (byte)'7';
        await File.WriteAllBytesAsync(segment, bytes);
        var messages = new MessageLog();
        await FollowAsync(ledger, directory, new ProcessorOptions(), CancellationToken.None, messages).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains("not the ones that the ledger has applied", StringComparison.Ordinal));
        Assert.Equal(1, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_an_older_copy_of_a_log_waits_loudly_and_stops_once_it_has_grown_so_far()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var (directory, copy) = (ledger.Folder.File("log"), ledger.Folder.File("copy"));
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            Copy(directory, copy);
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
            using var stop = new CancellationTokenSource();
            var following = FollowAsync(ledger, directory, new ProcessorOptions(), stop.Token);
            await AppliedAsync(ledger, log);
            await stop.CancelAsync();
            await following;
        }

        var messages = new MessageLog();
        var waiting = FollowAsync(ledger, copy, new ProcessorOptions(), CancellationToken.None, messages);
        await Eventually.IsTrueAsync(() => messages.Lines.Any(line => line.Contains("durable only up to", StringComparison.Ordinal)));
        await using (var log = new TestLog(copy))
        {
            await Task.Delay(TimeSpan.FromSeconds(2.5));
            Assert.False(waiting.IsCompleted);
            Assert.Single(messages.Lines, line => line.Contains("durable only up to", StringComparison.Ordinal));
            await log.AppendAsync(new EventFile().Add("a", 50).Add("b", 60).Add("c", 70).Bytes);
            await waiting.WaitAsync(TimeSpan.FromSeconds(20));
        }

        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains("not the ones that the ledger has applied", StringComparison.Ordinal));
        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);
    }

    [Fact]
    public async Task M11_a_mark_that_a_power_cut_took_back_is_waited_for_and_nothing_is_applied_twice()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        byte[] older;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            older = await File.ReadAllBytesAsync(Path.Combine(directory, "durable.mark"));
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
            using var stop = new CancellationTokenSource();
            var following = FollowAsync(ledger, directory, new ProcessorOptions(), stop.Token);
            await AppliedAsync(ledger, log);
            await stop.CancelAsync();
            await following;
        }

        await File.WriteAllBytesAsync(Path.Combine(directory, "durable.mark"), older);
        var messages = new MessageLog();
        using var end = new CancellationTokenSource();
        var waiting = FollowAsync(ledger, directory, new ProcessorOptions(), end.Token, messages);
        await Eventually.IsTrueAsync(() => messages.Lines.Any(line => line.Contains("durable only up to", StringComparison.Ordinal)));
        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);

        // The API starts again: recovery keeps the whole group above the mark, and new events follow it.
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 4).Bytes);
            await AppliedAsync(ledger, log);
        }

        Assert.False(waiting.IsCompleted);
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
        await end.CancelAsync();
        await waiting;
    }

    [Fact]
    public async Task M11_a_mark_that_a_power_cut_took_back_behind_a_claimed_range_is_waited_for()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var directory = ledger.Folder.File("log");
        byte[] older;
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            older = await File.ReadAllBytesAsync(Path.Combine(directory, "durable.mark"));
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);

            // A processor had claimed all of it when the power went.
            await ledger.Sources.OpenLogAsync(log.LogId, directory, CancellationToken.None);
            var owner = Guid.NewGuid();
            var range = await ledger.Ranges.TryClaimAsync(log.LogId, 0, log.Mark, owner, TimeSpan.FromMinutes(1), CancellationToken.None);
            await ledger.Ranges.ReleaseAsync(range!.Id, owner, CancellationToken.None);
        }

        await File.WriteAllBytesAsync(Path.Combine(directory, "durable.mark"), older);
        var messages = new MessageLog();
        using var end = new CancellationTokenSource();
        var waiting = FollowAsync(ledger, directory, new ProcessorOptions(), end.Token, messages);
        await Eventually.IsTrueAsync(() => waiting.IsCompleted || messages.Lines.Any(line => line.Contains("durable only up to", StringComparison.Ordinal)));
        Assert.DoesNotContain(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal));
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 4).Bytes);
            await AppliedAsync(ledger, log);
        }

        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
        await end.CancelAsync();
        await waiting;
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(10)]
    public async Task Records_of_a_log_that_are_no_events_are_told_in_one_line_and_kept_as_rejects(int liveRangeBytes)
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
            // What a disk without checksums, or a hand, may do to a segment that is not sealed yet.
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
        var told = Assert.Single(messages.Lines, line => line.Contains("are no events", StringComparison.Ordinal));
        Assert.Contains($"2 records in bytes 0 to {log.Mark} are no events, though the API accepted them; the first at offset {first}", told, StringComparison.Ordinal);
        Assert.DoesNotContain("\"bad\"", told, StringComparison.Ordinal);
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
    public async Task M12_a_permanent_error_stops_the_log_loudly()
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
    public async Task An_unexpected_error_stops_its_log_and_is_told_whole()
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
    [InlineData(true)]
    [InlineData(false)]
    public async Task M11_an_older_copy_that_is_put_under_a_running_follower_is_never_applied(bool inPlace)
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

        Assert.Contains(messages.Lines, line => line.Contains("STOPPED", StringComparison.Ordinal) && line.Contains("not the ones that the ledger has applied", StringComparison.Ordinal));
        Assert.Equal(["a", "b", "c"], (await ledger.BalancesAsync()).Keys.Order());
    }

    [Fact]
    public async Task A_log_that_is_away_for_a_moment_is_followed_again()
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

        Directory.Move(directory, directory + ".away");
        await messages.HasAsync("trying again");
        Directory.Move(directory + ".away", directory);
        await using (var log = new TestLog(directory))
        {
            await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
            await AppliedAsync(ledger, log);
        }

        Assert.Equal(3, (await ledger.BalancesAsync())["a"]);
        await stop.CancelAsync();
        await following;
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(1 << 16)]
    public async Task Damage_in_a_sealed_segment_is_told_and_recorded_as_a_reject_and_the_rest_counts(int liveRangeBytes)
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
        Assert.Contains("bytes 65536 to 131072", Assert.Single(verified.Unreadable), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Process_takes_a_log_up_to_its_mark_beside_a_follower()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(Process_takes_a_log_up_to_its_mark_beside_a_follower));
        await using var log = new TestLog(ledger.Folder.File("log"));
        var files = Enumerable.Range(0, 10).Select(_ => EventFile.Random(random, 100, 30)).ToArray();
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, LedgerFixture.Tiny(random), stop.Token);
        foreach (var file in files)
        {
            await log.AppendAsync(file.Bytes);
            using var reader = LogSourceReader.Open(log.Directory);
            var outcome = await new LogProcess(ledger.Services(LedgerFixture.Tiny(random))).RunAsync(reader, "log", new RunProgress("log"), CancellationToken.None);
            Assert.Equal(ExitCodes.Done, outcome.ExitCode);
            Assert.Equal(log.Mark, await ledger.ScalarAsync<long>("select applied_through from event_source"));
        }

        await ledger.AssertBalancesAsync(files);
        await stop.CancelAsync();
        await following;
    }

    private static Task FollowAsync(LedgerFixture ledger, string directory, ProcessorOptions options, CancellationToken cancellationToken, ILogger? logger = null, EventTypes? types = null) =>
        Task.Run(() => new LogFollower(ledger.Services(options, types, logger: logger as ILogger<ApplyServices>), LogSourceReader.Open(directory), TimeProvider.System, logger ?? NullLogger.Instance).RunAsync(cancellationToken), CancellationToken.None);

    private static Task AppliedAsync(LedgerFixture ledger, TestLog log) =>
        Eventually.IsTrueAsync(async () => (await ledger.Sources.FindAsync(log.LogId, CancellationToken.None))?.AppliedThrough == log.Mark);

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

    private sealed class MessageLog : ILogger<ApplyServices>
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = new();

        public Task HasAsync(string text) => Eventually.IsTrueAsync(() => Task.FromResult(Lines.Any(line => line.Contains(text, StringComparison.Ordinal))));

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public System.Collections.Concurrent.ConcurrentQueue<Exception> Exceptions { get; } = new();

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Lines.Enqueue(formatter(state, exception));
            if (exception is not null)
            {
                Exceptions.Enqueue(exception);
            }
        }
    }

    private sealed class BrokenClock : TimeProvider
    {
        public override long GetTimestamp() => throw new NotSupportedException("a clock that fails");
    }
}

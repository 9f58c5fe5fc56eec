using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Following;

/// <summary>
/// A ledger that lost its balances or its record of counted sources: after TRUNCATE, or after a crash of Postgres with an UNLOGGED table.
/// </summary>
public sealed class EmptiedLedgerTests
{
    private const string Program = "RevenueAspire.Processor";

    [Fact]
    public async Task A_follower_applies_nothing_to_an_emptied_ledger_and_reports_the_reason()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Add("b", 2).Bytes);
        var lines = new MessageLog();
        using var stop = new CancellationTokenSource();
        var following = LogFollowing.FollowAsync(ledger, log.Directory, new ProcessorOptions(), stop.Token, lines);
        await LogFollowing.AppliedAsync(ledger, log);
        var applied = log.Mark;
        await ledger.ExecuteAsync("truncate users_revenue");

        await log.AppendAsync(new EventFile().Add("c", 3).Bytes);

        await lines.HasAsync("STOPPED; no later events are applied: users_revenue is empty");
        await following;
        Assert.Equal(0, await ledger.CountAsync("users_revenue"));
        Assert.Equal(applied, (await ledger.Sources.FindAsync(log.LogId, CancellationToken.None))!.AppliedThrough);
    }

    [Fact]
    public async Task A_service_without_traffic_reports_an_emptied_ledger_once()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("EventLog:Directory", log.Directory)]).Build();
        var lines = new ServiceLog();
        var time = new QuickTime();
        using var service = new FollowerService(ledger.Database, new SessionDatabase(ledger.Database, isSeparate: false), ledger.Services(), configuration,
            time, new HistoryOptions(), new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), lines);
        await service.StartAsync(CancellationToken.None);
        await LogFollowing.AppliedAsync(ledger, log);
        Assert.Contains(lines.Lines, line => line.Contains("in schema public", StringComparison.Ordinal));
        await ledger.ExecuteAsync("truncate users_revenue");
        await Eventually.IsTrueAsync(() => Task.FromResult(lines.Lines.Any(line => line.Contains("users_revenue is empty", StringComparison.Ordinal))));

        var looks = time.Looks;
        await Eventually.IsTrueAsync(() => Task.FromResult(time.Looks > looks + 2));
        Assert.Single(lines.Lines, line => line.Contains("users_revenue is empty", StringComparison.Ordinal));
        await service.StopAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData("truncate users_revenue", "users_revenue is empty")]
    [InlineData("truncate event_source", "counted again")]
    [InlineData("alter table users_revenue set unlogged", "UNLOGGED: users_revenue")]
    [InlineData("alter table event_range set unlogged", "UNLOGGED: event_range")]
    public async Task Service_and_process_refuse_a_damaged_ledger_in_one_line(string fault, string said)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes));
        var next = ledger.Write("b.jsonl", new EventFile().Add("b", 1).Bytes);
        await ledger.ExecuteAsync(fault);
        var environment = new Dictionary<string, string?>
        {
            ["ConnectionStrings__revenuedb"] = ledger.ConnectionString,
            ["EventLog__Directory"] = ledger.Folder.File("none")
        };
        foreach (var arguments in (string[][])[["process", next], []])
        {
            await using var run = await ServiceProcess.RunAsync(Program, arguments, environment);
            Assert.Equal(1, run.ExitCode);
            Assert.Contains(said, run.StandardError[^1], StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Verify_reports_an_emptied_ledger_and_lists_each_user()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes));
        await ledger.ExecuteAsync("truncate users_revenue");
        await using var run = await ServiceProcess.RunAsync(
            Program, ["verify"], new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString });
        Assert.Equal(3, run.ExitCode);
        Assert.Contains("users_revenue is empty", run.StandardError[0], StringComparison.Ordinal);
        Assert.Contains("the table has no row", run.StandardOutput[0], StringComparison.Ordinal);
    }

    /// <summary>The real clock, but with a short pause between the checks of the ledger.</summary>
    private sealed class QuickTime : TimeProvider
    {
        private int _looks;

        public int Looks => Volatile.Read(ref _looks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == TimeSpan.FromSeconds(10))
            {
                Interlocked.Increment(ref _looks);
                dueTime = TimeSpan.FromMilliseconds(100);
            }

            return base.CreateTimer(callback, state, dueTime, period);
        }
    }

    private sealed class ServiceLog : ILogger<FollowerService>
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }
}

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Following;

public sealed class FollowerServiceTests
{
    [Fact]
    public async Task A_fault_of_the_service_stops_the_program_and_decides_its_exit_code()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var lifetime = new Lifetime();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("EventLog:Directory", ledger.Folder.File("events"))]).Build();
        using var service = new FollowerService(ledger.Database, new SessionDatabase(ledger.Database, isSeparate: false), ledger.Services(), configuration,
            new BrokenTimers(), new HistoryOptions(), lifetime, NullLogger<FollowerService>.Instance);
        await service.StartAsync(CancellationToken.None);
        await Eventually.IsTrueAsync(() => lifetime.Stops > 0);
        Assert.Equal("no timers", Assert.IsType<NotSupportedException>(service.Refusal).Message);
        await service.StopAsync(CancellationToken.None);
    }

    private sealed class BrokenTimers : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            throw new NotSupportedException("no timers");
    }

    private sealed class Lifetime : IHostApplicationLifetime
    {
        private int _stops;

        public int Stops => Volatile.Read(ref _stops);

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication() => Interlocked.Increment(ref _stops);
    }
}

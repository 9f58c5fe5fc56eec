using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Events;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>Follows logs within the test process.</summary>
internal static class LogFollowing
{
    public static Task FollowAsync(LedgerFixture ledger, string directory, ProcessorOptions options, CancellationToken cancellationToken,
        ILogger? logger = null, EventTypes? types = null) =>
        Task.Run(() => new LogFollower(ledger.Services(options, types, logger: logger as ILogger<ApplyServices>), LogSourceReader.Open(directory),
            TimeProvider.System, logger ?? NullLogger.Instance).RunAsync(cancellationToken), CancellationToken.None);

    public static Task AppliedAsync(LedgerFixture ledger, TestLog log) =>
        Eventually.IsTrueAsync(async () => (await ledger.Sources.FindAsync(log.LogId, CancellationToken.None))?.AppliedThrough == log.Mark);

    /// <summary>Follows a log until it is completely applied.</summary>
    public static async Task FollowOnceAsync(LedgerFixture ledger, TestLog log)
    {
        using var stop = new CancellationTokenSource();
        var following = FollowAsync(ledger, log.Directory, new ProcessorOptions(), stop.Token);
        await AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
    }
}

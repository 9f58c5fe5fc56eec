using RevenueAspire.Api.Reads;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Live;

/// <summary>Finds the top users by scanning the whole table, as often as the cost allows. For one caller at a time.</summary>
/// <remarks>Scans run at most 2 % of the time: 50 seconds pass after a scan of one second.</remarks>
internal sealed partial class TopUsers(LedgerReader ledger, TimeProvider time, ILogger<TopUsers> logger)
{
    public const int Count = 10;

    private const int RestPerWork = 50;
    private static readonly TimeSpan RestMin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ScanLimit = TimeSpan.FromSeconds(30);

    private volatile LiveTopUsers? _latest;
    private Task _scan = Task.CompletedTask;
    private long _notBefore;

    /// <summary>The list of the last scan; null before the first.</summary>
    public LiveTopUsers? Latest => _latest;

    /// <summary>Begins a scan if one is due; does not wait for it.</summary>
    public void Refresh(CancellationToken cancellationToken)
    {
        if (_scan.IsCompleted && time.GetTimestamp() >= _notBefore)
        {
            _scan = ScanAsync(cancellationToken);
        }
    }

    public static TimeSpan RestAfter(TimeSpan scan) => scan * RestPerWork > RestMin ? scan * RestPerWork : RestMin;

    private async Task ScanAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var at = time.GetUtcNow().ToUnixTimeMilliseconds();
        try
        {
            var users = await ledger.ReadAsync(
                (OverviewQueries queries, CancellationToken cancellation) => queries.FindTopUsersAsync(Count, ScanLimit, cancellation), cancellationToken,
                ScanLimit + LedgerReader.ReadTimeout);
            if (users is not null)
            {
                _latest = new LiveTopUsers(at, [.. users.Select(user => new LiveUser(user.UserId, user.Revenue))]);
            }
            else
            {
                LogTooSlow(logger, ScanLimit.TotalSeconds);
            }
        }
        catch (LedgerUnavailableException)
        {
            // LedgerReader has logged this. The old list stays, with its time.
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is OperationCanceledException or ObjectDisposedException)
        {
            // The API is stopping.
        }
        catch (Exception exception)
        {
            // Log the exception here, because no code awaits a scan. The page keeps the old list.
            LogScanFailed(logger, exception);
        }

        _notBefore = time.GetTimestamp() + (long)(RestAfter(time.GetElapsedTime(began)).TotalSeconds * time.TimestampFrequency);
    }

    [LoggerMessage(EventIds.TopUsersTooSlow, LogLevel.Warning, "The top users were not found within {Seconds} s; the page does not show them.")]
    private static partial void LogTooSlow(ILogger logger, double seconds);

    [LoggerMessage(EventIds.TopUsersFailed, LogLevel.Error, "The scan for the top users failed.")]
    private static partial void LogScanFailed(ILogger logger, Exception exception);
}

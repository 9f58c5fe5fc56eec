using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.Live;

/// <summary>Keeps the list of the top users, by a scan of the whole table as often as its cost allows. One caller at a time.</summary>
/// <remarks>A scan may take 2 % of the time, whatever the number of users: after one that took a second, the next begins 50 seconds later.</remarks>
internal sealed partial class TopUsers(LedgerReader ledger, TimeProvider time, ILogger<TopUsers> logger)
{
    public const int Count = 10;

    private const int RestPerWork = 50;
    private static readonly TimeSpan RestMin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ScanLimit = TimeSpan.FromSeconds(30);

    private volatile LiveTopUsers? _latest;
    private Task _scan = Task.CompletedTask;
    private long _notBefore;

    /// <summary>The list as of its last scan; null before the first.</summary>
    public LiveTopUsers? Latest => _latest;

    /// <summary>Begins a scan when one is due, and does not wait for it.</summary>
    public void Refresh(CancellationToken cancellationToken)
    {
        if (_scan.IsCompleted && time.GetTimestamp() >= _notBefore)
        {
            _scan = ScanAsync(cancellationToken);
        }
    }

    /// <summary>How long to rest after a scan.</summary>
    public static TimeSpan RestAfter(TimeSpan scan) => scan * RestPerWork > RestMin ? scan * RestPerWork : RestMin;

    private async Task ScanAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var at = time.GetUtcNow().ToUnixTimeMilliseconds();
        try
        {
            if (await ledger.FindTopUsersAsync(Count, ScanLimit, cancellationToken) is { } users)
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
            // Logged by the reader, once; the old list stays, and says how old it is.
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API.
        }
        catch (Exception exception)
        {
            // Nothing awaits a scan; the page does without it.
            LogScanFailed(logger, exception);
        }

        _notBefore = time.GetTimestamp() + (long)(RestAfter(time.GetElapsedTime(began)).TotalSeconds * time.TimestampFrequency);
    }

    [LoggerMessage(EventIds.TopUsersTooSlow, LogLevel.Warning, "The top users were not found within {Seconds} s; the page does without them.")]
    private static partial void LogTooSlow(ILogger logger, double seconds);

    [LoggerMessage(EventIds.TopUsersFailed, LogLevel.Error, "Looking for the top users failed.")]
    private static partial void LogScanFailed(ILogger logger, Exception exception);
}

namespace RevenueAspire.EventLog;

/// <summary>Removes from the logs of one store what the ledger has (rule L10). One call at a time, beside appends and reads.</summary>
public interface ILogRetention
{
    /// <summary>Between two passes.</summary>
    TimeSpan Interval { get; }

    /// <summary>Runs one pass, as far as <see cref="EventLogOptions.Retention"/> allows.</summary>
    /// <param name="findApplied">The offset through which the ledger has a log, durably; null when it does not know the log.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk refuses.</exception>
    /// <exception cref="System.Data.Common.DbException">The database refuses.</exception>
    Task RemoveAppliedAsync(Func<Guid, CancellationToken, Task<long?>> findApplied, CancellationToken cancellationToken);
}

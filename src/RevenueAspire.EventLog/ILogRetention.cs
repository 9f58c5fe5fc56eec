namespace RevenueAspire.EventLog;

/// <summary>Removes log bytes that the ledger has applied (rule L10). Not thread-safe, but may run during appends and reads.</summary>
public interface ILogRetention
{
    /// <summary>Pause between two passes.</summary>
    TimeSpan Interval { get; }

    /// <summary>Runs one pass, within the limits of <see cref="EventLogOptions.Retention"/>.</summary>
    /// <param name="findApplied">Returns the offset up to which the ledger has applied a log durably; null for a log unknown to the ledger.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk refuses.</exception>
    /// <exception cref="System.Data.Common.DbException">The database refuses.</exception>
    Task RemoveAppliedAsync(Func<Guid, CancellationToken, Task<long?>> findApplied, CancellationToken cancellationToken);
}

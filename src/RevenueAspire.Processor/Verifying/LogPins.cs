using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Stops retention of the verified logs (rule M13) until disposed. Not thread-safe.</summary>
/// <remarks>Logs in the database need no pin, because they are read as of the ledger's snapshot.</remarks>
internal sealed class LogPins : IDisposable
{
    private readonly Dictionary<string, LogPin?> _pins = new(StringComparer.Ordinal);

    private readonly Dictionary<string, string> _failures = new(StringComparer.Ordinal);

    /// <summary>Opens a snapshot after all its logs are pinned. So retention removes no bytes that the snapshot lists as applied.</summary>
    public async Task<LedgerSnapshot> OpenSnapshotAsync(Func<Task<LedgerSnapshot>> open, CancellationToken cancellationToken)
    {
        while (true)
        {
            var snapshot = await open().ConfigureAwait(false);
            try
            {
                var unpinned = snapshot.Sources.Where(source => source.Kind == SourceKind.Log && !PostgresLogs.TryParseSourceName(source.Name, out _)
                    && !_pins.ContainsKey(source.Name)).Select(source => source.Name).Distinct().ToArray();
                if (unpinned.Length == 0)
                {
                    return snapshot;
                }

                // A pin waits for a removal in progress, so do not block this thread.
                await Task.Run(() => Array.ForEach(unpinned, Pin), cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await snapshot.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            // Open another snapshot after the pins. The loop ends, because each repeat needs a log that is new in the ledger.
            await snapshot.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The reason why a log could not be pinned, or null. Such a log cannot be checked, because retention may remove the bytes being read.</summary>
    public string? Failure(string directory) => _failures.GetValueOrDefault(directory);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pin in _pins.Values)
        {
            pin?.Dispose();
        }

        _pins.Clear();
    }

    private void Pin(string directory)
    {
        try
        {
            _pins.Add(directory, LogPin.Take(directory));
        }
        catch (EventLogException exception)
        {
            _pins.Add(directory, null);
            _failures.Add(directory, exception.Message);
        }
    }
}

using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Stops retention of the logs that are verified (rule M13), until disposed. Not thread-safe.</summary>
/// <remarks>Logs in the database need none: they are read as of the ledger's snapshot.</remarks>
internal sealed class LogPins : IDisposable
{
    private readonly Dictionary<string, LogPin?> _pins = new(StringComparer.Ordinal);

    private readonly Dictionary<string, string> _failures = new(StringComparer.Ordinal);

    /// <summary>Opens a snapshot whose logs were all pinned before it. So retention has removed no bytes since then that the snapshot lists as
    /// applied.</summary>
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

                // Waits for a removal that is under way, in a thread that may wait.
                await Task.Run(() => Array.ForEach(unpinned, Pin), cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await snapshot.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            // Once more, after the pins: each repeat needs a log that is new in the ledger.
            await snapshot.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Why a log could not be pinned: it cannot be checked then, because retention may remove the bytes being read. Null if it is pinned.</summary>
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

using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Keeps retention away from the logs that are verified (rule M13), until disposed. Not thread-safe.</summary>
/// <remarks>Logs in the database need none: they are read as of the ledger's snapshot.</remarks>
internal sealed class LogPins : IDisposable
{
    private readonly Dictionary<string, LogPin?> _pins = new(StringComparer.Ordinal);

    private readonly Dictionary<string, string> _failures = new(StringComparer.Ordinal);

    /// <summary>Opens a snapshot of which every log was pinned before: retention can have removed nothing since, of which the snapshot says that it is
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

            // Once more, behind the pins: each turn needs a log that is new in the ledger.
            await snapshot.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Why a log could not be pinned: it cannot be checked then, since retention may remove what is being read. Null where it is pinned.</summary>
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

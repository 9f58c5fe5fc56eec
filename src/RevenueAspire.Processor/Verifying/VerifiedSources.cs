using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A snapshot of the ledger and its sources, which are located and pinned (rule M13). Not thread-safe.</summary>
internal sealed class VerifiedSources : IAsyncDisposable
{
    private readonly LogPins _pins;

    private VerifiedSources(LogPins pins, LedgerSnapshot snapshot, IReadOnlyList<VerifiedSource> sources) =>
        (_pins, Snapshot, Sources) = (pins, snapshot, sources);

    /// <summary>The ledger at one moment.</summary>
    public LedgerSnapshot Snapshot { get; }

    /// <summary>All sources with applied bytes. Unreadable sources are refused.</summary>
    public IReadOnlyList<VerifiedSource> Sources { get; }

    /// <summary>Opens a snapshot and locates its sources.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="options">Settings of the processor.</param>
    /// <param name="places">Files and folders to search for counted files, in addition to the known paths.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="UserErrorException">One of the places does not exist.</exception>
    public static async Task<VerifiedSources> OpenAsync(
        NpgsqlDataSource database, ProcessorOptions options, IReadOnlyList<string> places, CancellationToken cancellationToken)
    {
        if (places.FirstOrDefault(place => !Path.Exists(place)) is { } missing)
        {
            throw new UserErrorException($"{missing}: no such file or folder");
        }

        var pins = new LogPins();
        LedgerSnapshot? snapshot = null;
        try
        {
            var patience = TimeSpan.FromSeconds(options.RetrySeconds);
            snapshot = await pins.OpenSnapshotAsync(
                () => LedgerSnapshot.OpenAsync(database, cancellationToken, CreateSpool, patience), cancellationToken).ConfigureAwait(false);
            var name = await snapshot.ExportAsync(cancellationToken).ConfigureAwait(false);
            var sources = VerifiedSource.List(snapshot, logId => LogSourceReader.OpenSnapshot(database, name, logId));
            foreach (var source in sources)
            {
                if (pins.Failure(source.Source.Name) is { } failure)
                {
                    source.Refuse(failure);
                }
            }

            var search = new ContentSearch(options.MaxLineBytes, places);
            await Task.Run(() => search.Run([.. sources.Where(source => source.Source.Kind == SourceKind.File)], cancellationToken),
                cancellationToken).ConfigureAwait(false);
            return new VerifiedSources(pins, snapshot, sources);
        }
        catch
        {
            pins.Dispose();
            if (snapshot is not null)
            {
                await snapshot.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    private static FileStream CreateSpool() => new(SpoolFile.Create(Composition.SpoolDirectory()), FileAccess.ReadWrite);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Snapshot.DisposeAsync().ConfigureAwait(false);
        _pins.Dispose();
    }
}

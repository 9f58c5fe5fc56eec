using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>A path on the command line: a file, the log that it belongs to, or standard input.</summary>
internal sealed class ProcessInput : IAsyncDisposable
{
    private CancellationTokenSource? _stop;

    private ISourceReader? _source;

    private ProcessInput(string path, ISourceReader? source)
    {
        Path = path;
        _source = source;
    }

    /// <summary>As it was given.</summary>
    public string Path { get; }

    /// <summary>The file, its length fixed now, or the log. Standard input and compressed files only after <see cref="SpoolAsync"/>.</summary>
    public ISourceReader Source => _source ?? throw new InvalidOperationException("Standard input is read first.");

    /// <summary>Whether its bytes are not yet those that count.</summary>
    public bool NeedsSpool { get; private set; }

    /// <summary>Set while a file is being hashed ahead.</summary>
    public FileHashing? Hashing { get; private set; }

    /// <summary>Opens a path.</summary>
    /// <exception cref="UserErrorException">Missing, unreadable, a folder, or a log with --again.</exception>
    /// <exception cref="UserErrorException">A format that cannot be read.</exception>
    /// <exception cref="EventLog.EventLogException">A damaged log.json.</exception>
    public static ProcessInput Open(string path, bool again, int maxLineBytes)
    {
        if (SpooledSource.IsStandardInput(path))
        {
            return new ProcessInput(path, null) { NeedsSpool = true };
        }

        if (SourcePath.FindLog(path) is not { } directory)
        {
            var file = FileSourceReader.Open(path, maxLineBytes);
            try
            {
                file.RefuseOtherFormats();
                return new ProcessInput(path, file) { NeedsSpool = file.IsPacked };
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        return again
            ? throw new UserErrorException($"{path}: belongs to a log, which counts once and continues automatically; --again is for files")
            : new ProcessInput(path, LogSourceReader.Open(directory));
    }

    /// <summary>Copies input that cannot be read in place: standard input or the content of a compressed file, to its end.</summary>
    /// <exception cref="UserErrorException">Cut-off or damaged gzip or zstd, or no space.</exception>
    public async Task SpoolAsync(int maxLineBytes, CancellationToken cancellationToken)
    {
        _source?.Dispose();
        _source = SpooledSource.IsStandardInput(Path)
            ? await SpooledSource.ReadStandardInputAsync(maxLineBytes, cancellationToken).ConfigureAwait(false)
            : await SpooledSource.InflateAsync(Path, maxLineBytes, cancellationToken).ConfigureAwait(false);
        NeedsSpool = false;
    }

    /// <summary>Begins to hash a file, which needs no database.</summary>
    public void HashAhead(EventTypes types, CancellationToken cancellationToken)
    {
        if (!NeedsSpool && _source is FileSourceReader file && FileEnd.Find(file, types) is { Length: > 0 and var length })
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Hashing = new FileHashing(file.EndingAt(length), length, _stop.Token);
        }
    }

    /// <summary>Ends the hashing, and closes the source. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop is not null && Hashing is not null)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await Hashing.EndedAsync().ConfigureAwait(false);
            _stop.Dispose();
            _stop = null;
        }

        _source?.Dispose();
    }
}

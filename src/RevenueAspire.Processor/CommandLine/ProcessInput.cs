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

    /// <summary>The path as the user gave it.</summary>
    public string Path { get; }

    /// <summary>The file, with a fixed length, or the log. Standard input and compressed files are available only after <see cref="SpoolAsync"/>.</summary>
    public ISourceReader Source => _source ?? throw new InvalidOperationException("The input must be copied first.");

    /// <summary>Whether the input must be copied before it can be counted.</summary>
    public bool NeedsSpool { get; private set; }

    /// <summary>The hashing that <see cref="HashAhead"/> started, or null.</summary>
    public FileHashing? Hashing { get; private set; }

    /// <summary>Opens a path.</summary>
    /// <exception cref="UserErrorException">The path is missing, unreadable, a folder without a log, or a log with --again.</exception>
    /// <exception cref="UserErrorException">The file has another format.</exception>
    /// <exception cref="EventLog.EventLogException">The log's log.json is damaged.</exception>
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
            ? throw new UserErrorException($"{path}: belongs to a log, whose events always count once; --again is only for files")
            : new ProcessInput(path, LogSourceReader.Open(directory));
    }

    /// <summary>Copies input that cannot be read in place: all of standard input, or the content of a compressed file.</summary>
    /// <exception cref="UserErrorException">The gzip or zstd data is truncated or damaged, or the disk is full.</exception>
    public async Task SpoolAsync(int maxLineBytes, CancellationToken cancellationToken)
    {
        _source?.Dispose();
        _source = SpooledSource.IsStandardInput(Path)
            ? await SpooledSource.ReadStandardInputAsync(maxLineBytes, cancellationToken).ConfigureAwait(false)
            : await SpooledSource.InflateAsync(Path, maxLineBytes, cancellationToken).ConfigureAwait(false);
        NeedsSpool = false;
    }

    /// <summary>Starts hashing a file, so that hashing runs while the database is being opened.</summary>
    public void HashAhead(EventTypes types, CancellationToken cancellationToken)
    {
        if (!NeedsSpool && _source is FileSourceReader file && FileEnd.Find(file, types) is { Length: > 0 and var length })
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Hashing = new FileHashing(file.EndingAt(length), length, _stop.Token);
        }
    }

    /// <summary>Stops the hashing, and closes the source. May be called more than once.</summary>
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

using RevenueAspire.Events;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>A path on the command line: a file, or the log that it belongs to.</summary>
internal sealed class ProcessInput : IAsyncDisposable
{
    private CancellationTokenSource? _stop;

    private ProcessInput(string path, ISourceReader source) => (Path, Source) = (path, source);

    /// <summary>As it was given.</summary>
    public string Path { get; }

    /// <summary>The file, its length fixed now, or the log.</summary>
    public ISourceReader Source { get; }

    /// <summary>Set while a file is being hashed ahead.</summary>
    public FileHashing? Hashing { get; private set; }

    /// <summary>Opens a path.</summary>
    /// <exception cref="UserErrorException">Missing, unreadable, a folder, or a log with --again.</exception>
    /// <exception cref="EventLog.EventLogException">A damaged log.json.</exception>
    public static ProcessInput Open(string path, bool again, int maxLineBytes)
    {
        if (SourcePath.FindLog(path) is not { } directory)
        {
            return new ProcessInput(path, FileSourceReader.Open(path, maxLineBytes));
        }

        return again
            ? throw new UserErrorException($"{path}: belongs to a log, which counts once and goes on by itself; --again is for files")
            : new ProcessInput(path, LogSourceReader.Open(directory));
    }

    /// <summary>Begins to hash a file, which needs no database.</summary>
    public void HashAhead(EventTypes types, CancellationToken cancellationToken)
    {
        if (Source is FileSourceReader file && FileEnd.Find(file, types) is { Length: > 0 and var length })
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Hashing = new FileHashing(file.EndingAt(length, []), length, _stop.Token);
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

        Source.Dispose();
    }
}

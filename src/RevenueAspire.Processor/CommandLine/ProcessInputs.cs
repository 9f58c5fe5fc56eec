namespace RevenueAspire.Processor.CommandLine;

/// <summary>The paths of a command line. Each is opened once at the beginning, so that errors that a person must fix are reported before anything is counted,
/// and without a database.</summary>
internal sealed class ProcessInputs : IAsyncDisposable
{
    private readonly List<string> _paths = [];
    private readonly bool _again;
    private readonly int _maxLineBytes;
    private readonly ProcessInput? _first;

    /// <summary>Opens each path; one that cannot be opened is reported on standard error.</summary>
    public ProcessInputs(string[] paths, bool again, int maxLineBytes)
    {
        (_again, _maxLineBytes) = (again, maxLineBytes);
        foreach (var path in paths)
        {
            try
            {
                var input = ProcessInput.Open(path, again, maxLineBytes);
                _paths.Add(path);
                if (_first is null)
                {
                    _first = input;
                    continue;
                }

                // Not kept: there may be more files than a process may have open.
                input.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
            catch (Exception exception) when (ProcessCommand.IsOfThisPath(exception))
            {
                Problems.Report(exception.Message);
            }
        }
    }

    /// <summary>Those that could be opened.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>Paths that could not be opened, and later failures.</summary>
    public Problems Problems { get; } = new();

    /// <summary>Longest line of a file.</summary>
    public int MaxLineBytes => _maxLineBytes;

    /// <summary>Whether one could be opened.</summary>
    public bool Any => _first is not null;

    /// <summary>The first one; kept open.</summary>
    public ProcessInput First => _first!;

    /// <summary>Opens one of <see cref="Paths"/> to be read: the first one is still open, the others are opened again. The caller disposes it.</summary>
    /// <remarks>The caller then copies an input that <see cref="ProcessInput.NeedsSpool"/>.</remarks>
    public ProcessInput Open(int index) => index == 0 ? First : ProcessInput.Open(_paths[index], _again, _maxLineBytes);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _first?.DisposeAsync() ?? ValueTask.CompletedTask;
}

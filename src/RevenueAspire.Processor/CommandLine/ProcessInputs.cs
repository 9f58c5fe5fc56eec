namespace RevenueAspire.Processor.CommandLine;

/// <summary>The paths of a command line. Each is opened once at the start, so errors that the user must fix are reported before any counting, and without a
/// database.</summary>
internal sealed class ProcessInputs : IAsyncDisposable
{
    private readonly List<string> _paths = [];
    private readonly bool _again;
    private readonly int _maxLineBytes;
    private readonly ProcessInput? _first;

    /// <summary>Opens each path, and reports failures on standard error.</summary>
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

                // Close it again: there may be more files than a process can have open.
                input.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
            catch (Exception exception) when (ProcessCommand.IsOfThisPath(exception))
            {
                Problems.Report(exception.Message);
            }
        }
    }

    /// <summary>The paths that could be opened.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>Paths that could not be opened, and later failures.</summary>
    public Problems Problems { get; } = new();

    /// <summary>Maximum bytes of a line in a file.</summary>
    public int MaxLineBytes => _maxLineBytes;

    /// <summary>Whether at least one path could be opened.</summary>
    public bool Any => _first is not null;

    /// <summary>The first input, which stays open.</summary>
    public ProcessInput First => _first!;

    /// <summary>Opens one of <see cref="Paths"/> for reading: the first input is still open, the others are opened again. The caller disposes it.</summary>
    /// <remarks>If <see cref="ProcessInput.NeedsSpool"/> is set, the caller must then copy the input.</remarks>
    public ProcessInput Open(int index) => index == 0 ? First : ProcessInput.Open(_paths[index], _again, _maxLineBytes);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _first?.DisposeAsync() ?? ValueTask.CompletedTask;
}

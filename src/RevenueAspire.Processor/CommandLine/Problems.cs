using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The errors of a command. Each is written to standard error at once, and stored for the result. Not thread-safe.</summary>
internal sealed class Problems
{
    private readonly List<string> _lines = [];

    /// <summary>The errors, one line each.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Whether there is an error.</summary>
    public bool Any => _lines.Count > 0;

    /// <summary>Reports an error.</summary>
    public void Report(string line)
    {
        _lines.Add(line);
        Console.Error.WriteLine(Printable.Escape(line));
    }
}

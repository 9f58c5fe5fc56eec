using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The errors of a command: written to standard error at once, and kept for the result. For one thread.</summary>
internal sealed class Problems
{
    private readonly List<string> _lines = [];

    /// <summary>One line each.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Whether there is one.</summary>
    public bool Any => _lines.Count > 0;

    /// <summary>Reports an error.</summary>
    public void Report(string line)
    {
        _lines.Add(line);
        Console.Error.WriteLine(Printable.Escape(line));
    }
}

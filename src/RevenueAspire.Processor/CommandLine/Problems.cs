using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>What could not be done: told on standard error at once, and kept for the result. For one thread.</summary>
internal sealed class Problems
{
    private readonly List<string> _lines = [];

    /// <summary>One line each.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Whether there is one.</summary>
    public bool Any => _lines.Count > 0;

    /// <summary>Tells one.</summary>
    public void Report(string line)
    {
        _lines.Add(line);
        Console.Error.WriteLine(Printable.Escape(line));
    }
}

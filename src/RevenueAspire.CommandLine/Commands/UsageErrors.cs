namespace RevenueAspire.CommandLine;

/// <summary>How wrong usage is told.</summary>
public static class UsageErrors
{
    /// <summary>The library's message in one line: it lists the values that may be given one below the other.</summary>
    public static string OneLine(string message) => string.Join(' ', message.Split((char[])['\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}

using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>Where the tool writes: results to one, everything else to the other.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Progress, bad lines, errors.</param>
/// <param name="IsInteractive">Whether <paramref name="Error"/> is a terminal that can show a bar.</param>
/// <param name="OpenInput">Opens standard input.</param>
internal sealed record Terminal(TextWriter Out, TextWriter Error, bool IsInteractive, Func<Stream> OpenInput)
{
    /// <summary>The process's own.</summary>
    public static Terminal Console { get; } = new(System.Console.Out, System.Console.Error, !System.Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb", GuardedConsole.OpenStandardInput);
}

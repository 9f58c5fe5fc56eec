using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The output streams of the tool.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Progress, bad lines, errors.</param>
/// <param name="IsInteractive">Whether <paramref name="Error"/> is a terminal that can show a bar.</param>
/// <param name="OpenInput">Opens standard input.</param>
internal sealed record Terminal(TextWriter Out, TextWriter Error, bool IsInteractive, Func<Stream> OpenInput)
{
    /// <summary>The console of this process.</summary>
    public static Terminal Console { get; } = new(
        System.Console.Out,
        System.Console.Error,
        !System.Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
        GuardedConsole.OpenStandardInput);

    /// <summary>Writes one line of the result. Control characters (for example in a file name) are escaped; in JSON they become JSON escapes.</summary>
    public void Print(string line) => Out.WriteLine(Printable.Escape(line));

    /// <summary>Writes one line about progress or an error. Control characters are escaped.</summary>
    public void Report(string line) => Error.WriteLine(Printable.Escape(line));
}

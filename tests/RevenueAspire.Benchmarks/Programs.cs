using CliWrap;
using CliWrap.Buffered;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Times programs from start to exit.</summary>
internal static class Programs
{
    /// <summary>Seconds of a command of the processor: the program itself, as a user starts it, not the dotnet command with its dll.</summary>
    /// <param name="database">Connection string of the ledger, or null.</param>
    /// <param name="arguments">The command line.</param>
    public static Task<double> ProcessorAsync(string? database, params string[] arguments) => TimeAsync(
        Path.ChangeExtension(Repository.Executable("RevenueAspire.Processor"), OperatingSystem.IsWindows() ? ".exe" : null),
        arguments,
        new() { ["ConnectionStrings__revenuedb"] = database });

    /// <summary>Seconds of any program.</summary>
    /// <exception cref="CliWrap.Exceptions.CommandExecutionException">It failed; the message has its standard error.</exception>
    public static async Task<double> TimeAsync(string program, IEnumerable<string> arguments, Dictionary<string, string?> environment)
    {
        var result = await Cli.Wrap(program).WithArguments(arguments).WithEnvironmentVariables(environment).ExecuteBufferedAsync();
        return result.RunTime.TotalSeconds;
    }
}

using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace RevenueAspire.CommandLine;

/// <summary>Reports a failure of a program as one line on standard error, without a stack trace, with exit code 1.</summary>
public static class StartupErrors
{
    private static int _watches;

    /// <summary>Runs a whole program: <c>return await StartupErrors.RunAsync(async () => { ...; await app.RunAsync(); });</c></summary>
    /// <param name="program">Builds and runs the host.</param>
    /// <param name="describe">Describes additional exceptions: returns one line for people, or null.</param>
    /// <returns>0, or 1 after an exception. For an exception without a description, the line names the file with its stack trace (<see
    /// cref="CrashReport"/>).</returns>
    /// <remarks>Installs <see cref="GuardedConsole"/>, so that a closed or full standard output or error does not end the program.</remarks>
    public static Task<int> RunAsync(Func<Task> program, Func<Exception, string?>? describe = null) =>
        RunAsync(
            async () =>
            {
                await program().ConfigureAwait(false);
                return 0;
            },
            describe);

    /// <inheritdoc cref="RunAsync(Func{Task}, Func{Exception, string?})"/>
    /// <returns>The exit code of the program, or 1 after an exception.</returns>
    public static async Task<int> RunAsync(Func<Task<int>> program, Func<Exception, string?>? describe = null)
    {
        GuardedConsole.Install();
        if (Interlocked.Exchange(ref _watches, 1) == 0)
        {
            CrashReport.WatchThreads();
        }

        try
        {
            return await program().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await Console.Error.WriteLineAsync(DescribeOrReport(exception, describe)).ConfigureAwait(false);
            return ExitCodes.NotDone;
        }
    }

    /// <summary>Returns one line for any exception: the error and its remedy, or the path of the report for a bug. A command also puts this line into its JSON
    /// result.</summary>
    public static string DescribeOrReport(Exception exception, Func<Exception, string?>? describe = null) =>
        (describe?.Invoke(Unwrap(exception)) ?? Describe(exception)) is { } line ? Printable.Escape(line) : CrashReport.Write(exception);

    /// <summary>Returns one line with the error and its remedy, or null if the exception is not a known user error.</summary>
    public static string? Describe(Exception exception) => Unwrap(exception) switch
    {
        UserErrorException known => OneLine(known.Message),
        OptionsValidationException invalid => OneLine(string.Join(" ", invalid.Failures)),
        // Kestrel's message names the address.
        IOException { InnerException: AddressInUseException } inUse =>
            OneLine(inUse.Message) + " Stop the program that uses it, or choose another address with ASPNETCORE_URLS.",
        FormatException or InvalidDataException when exception.Source == "Microsoft.Extensions.Configuration.Json" => OneLine(exception.Message),
        var refused when FileErrors.IsOfTheSystem(refused) => OneLine(refused.Message),
        _ => null,
    };

    private static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;

    internal static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}

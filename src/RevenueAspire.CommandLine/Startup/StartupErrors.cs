using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace RevenueAspire.CommandLine;

/// <summary>A failure of a program is one line on standard error and exit code 1, without a stack trace.</summary>
public static class StartupErrors
{
    private static int _watches;

    /// <summary>Runs a whole program: <c>return await StartupErrors.RunAsync(async () => { ...; await app.RunAsync(); });</c></summary>
    /// <param name="program">Builds and runs the host.</param>
    /// <param name="describe">Knows further exceptions: one line for people, or null.</param>
    /// <returns>0, or 1 after an exception. The line of one without a description names the report that holds its stack trace
    /// (<see cref="CrashReport"/>).</returns>
    /// <remarks>Installs <see cref="GuardedConsole"/>, so that a standard output or error that is closed or full does not end the program.</remarks>
    public static Task<int> RunAsync(Func<Task> program, Func<Exception, string?>? describe = null) =>
        RunAsync(
            async () =>
            {
                await program().ConfigureAwait(false);
                return 0;
            },
            describe);

    /// <inheritdoc cref="RunAsync(Func{Task}, Func{Exception, string?})"/>
    /// <returns>What the program returns, or 1 after an exception.</returns>
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

    /// <summary>The line of any exception: what is wrong and what to do, or for a bug where its report is. A command uses it to put the failure into its JSON
    /// result, too.</summary>
    public static string DescribeOrReport(Exception exception, Func<Exception, string?>? describe = null) =>
        (describe?.Invoke(Unwrap(exception)) ?? Describe(exception)) is { } line ? Printable.Escape(line) : CrashReport.Write(exception);

    /// <summary>One line that says what is wrong and what to do, or null for an exception that is not known as a user's mistake.</summary>
    public static string? Describe(Exception exception) => Unwrap(exception) switch
    {
        UserErrorException known => OneLine(known.Message),
        OptionsValidationException invalid => OneLine(string.Join(" ", invalid.Failures)),
        // Kestrel's text names the address.
        IOException { InnerException: AddressInUseException } inUse =>
            OneLine(inUse.Message) + " Stop the program that listens there, or choose another address with ASPNETCORE_URLS.",
        FormatException or InvalidDataException when exception.Source == "Microsoft.Extensions.Configuration.Json" => OneLine(exception.Message),
        var refused when FileErrors.IsOfTheSystem(refused) => OneLine(refused.Message),
        _ => null,
    };

    private static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;

    internal static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}

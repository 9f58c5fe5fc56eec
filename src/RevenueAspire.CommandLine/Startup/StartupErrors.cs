using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace RevenueAspire.CommandLine;

/// <summary>A user's mistake at start is one line on stderr and exit code 1, without a stack trace.</summary>
public static class StartupErrors
{
    /// <summary>Runs a whole program: <c>return await StartupErrors.RunAsync(async () => { ...; await app.RunAsync(); });</c></summary>
    /// <param name="program">Builds and runs the host.</param>
    /// <param name="describe">Knows further exceptions: one line for people, or null.</param>
    /// <returns>0, or 1 after an exception that has a one-line description. Any other exception is a bug, and passes through.</returns>
    public static Task<int> RunAsync(Func<Task> program, Func<Exception, string?>? describe = null) =>
        RunAsync(
            async () =>
            {
                await program().ConfigureAwait(false);
                return 0;
            },
            describe);

    /// <inheritdoc cref="RunAsync(Func{Task}, Func{Exception, string?})"/>
    /// <returns>What the program returns, or 1 after an exception that has a one-line description. Any other exception is a bug, and passes through.</returns>
    public static async Task<int> RunAsync(Func<Task<int>> program, Func<Exception, string?>? describe = null)
    {
        try
        {
            return await program().ConfigureAwait(false);
        }
        catch (Exception exception) when ((describe?.Invoke(Unwrap(exception)) ?? Describe(exception)) is { } line)
        {
            await Console.Error.WriteLineAsync(line).ConfigureAwait(false);
            return 1;
        }
    }

    /// <summary>One line that says what is wrong and what to do, or null for an exception that is not known as a user's mistake.</summary>
    public static string? Describe(Exception exception) => Unwrap(exception) switch
    {
        StartupException known => OneLine(known.Message),
        OptionsValidationException invalid => OneLine(string.Join(" ", invalid.Failures)),
        // Kestrel's text names the address.
        IOException { InnerException: AddressInUseException } inUse => OneLine(inUse.Message) + " Stop the program that listens there, or choose another address with ASPNETCORE_URLS.",
        FormatException or InvalidDataException when exception.Source == "Microsoft.Extensions.Configuration.Json" => OneLine(exception.Message),
        _ => null,
    };

    private static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;

    internal static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}

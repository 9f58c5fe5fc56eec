using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture;

/// <summary>The folder of a run: kept and named in the output after a failure, else removed.</summary>
internal static class RunFolder
{
    /// <summary>Prints the seed, runs, and prints the details that explain a failure.</summary>
    /// <param name="kind">Part of the folder's name.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="replay">The command that repeats the run.</param>
    /// <param name="keep">Keep the folder in any case.</param>
    /// <param name="runAsync">The run: gets the folder, reports violations, and ends every process that it started, even on failure.</param>
    /// <param name="cancellationToken">Stops the run without a result, and removes the folder.</param>
    /// <returns>0 if no promise was broken, else 1.</returns>
    public static async Task<int> UseAsync(string kind, int seed, string replay, bool keep, Func<string, Violations, Task> runAsync,
        CancellationToken cancellationToken)
    {
        Console.WriteLine($"seed {seed}");
        var folder = Directory.CreateDirectory(
            Path.Combine(TestPostgres.DataRoot, FormattableString.Invariant($"revenueaspire-{kind}-{seed}-{Environment.ProcessId}"))).FullName;
        var started = Stopwatch.GetTimestamp();
        var violations = new Violations(message =>
        {
            // Ignore violations after a cancellation: they may be caused by it.
            if (!cancellationToken.IsCancellationRequested)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started):hh\\:mm\\:ss} {message}"));
            }
        });
        var failed = true;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            await runAsync(folder, violations);
            failed = violations.Any;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.WriteLine("Stopped before the end: nothing was checked.");
            Remove(folder);
            return 1;
        }
        catch (Exception exception)
        {
            // A failed run has no result; its exit code must not look like a pass.
            await Console.Error.WriteLineAsync($"The run itself failed: {exception}");
        }

        if (failed || keep)
        {
            Console.WriteLine($"Data and outputs: {folder}");
        }
        else
        {
            Remove(folder);
        }

        if (failed)
        {
            // Repeat the violations here: readers start at the end of a long output, and a log may be cut in the middle.
            foreach (var message in violations.Shown)
            {
                Console.WriteLine(message);
            }

            Console.WriteLine($"Again: {replay}");
        }

        return failed ? 1 : 0;
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException left)
        {
            Console.WriteLine($"{folder} could not be removed: {left.Message}");
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture;

/// <summary>The folder of a run: kept and named when something was found, else removed.</summary>
internal static class RunFolder
{
    /// <summary>Prints the seed, runs, and says what a reader of a failure needs.</summary>
    /// <param name="kind">For the folder's name.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="replay">The command that repeats it.</param>
    /// <param name="keep">Keep the folder whatever was found.</param>
    /// <param name="runAsync">Does it, in the folder, and tells violations. Ends what it started, whatever happens.</param>
    /// <param name="cancellationToken">Stops: then nothing is known, and nothing is kept.</param>
    /// <returns>0 when no promise was broken, else 1.</returns>
    public static async Task<int> UseAsync(string kind, int seed, string replay, bool keep, Func<string, Violations, Task> runAsync,
        CancellationToken cancellationToken)
    {
        Console.WriteLine($"seed {seed}");
        var folder = Directory.CreateDirectory(
            Path.Combine(TestPostgres.DataRoot, FormattableString.Invariant($"revenueaspire-{kind}-{seed}-{Environment.ProcessId}"))).FullName;
        var started = Stopwatch.GetTimestamp();
        var violations = new Violations(message =>
        {
            // Who ends everything breaks no promise.
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
            // Nothing is known then; whoever reads the exit code must not take it for a pass.
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
            // Repeated here, since the end of a long output is read first and a log may be cut in the middle.
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
            Console.WriteLine($"{folder} is left: {left.Message}");
        }
    }
}

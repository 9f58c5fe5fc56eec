using CliWrap;
using CliWrap.Buffered;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Runs commands in the clone with bash, as a reader of the documents would.</summary>
internal static class Shell
{
    /// <summary>Skips the test if a program is not installed.</summary>
    public static void Require(params string[] programs)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        foreach (var program in programs)
        {
            Assert.SkipUnless(folders.Any(folder => File.Exists(Path.Combine(folder, program))), $"{program} is not installed.");
        }
    }

    /// <summary>Runs commands to their end.</summary>
    /// <param name="commands">The text of a block; the tests' build folder replaces the documented one.</param>
    /// <param name="environment">Environment variables.</param>
    /// <param name="limitSeconds">Time limit, in seconds.</param>
    /// <returns>The exit code, standard output and standard error.</returns>
    public static async Task<(int Code, string Output, string Errors)> RunAsync(
        string commands, IReadOnlyDictionary<string, string?> environment, int limitSeconds = 60)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(limitSeconds));
        try
        {
            var run = await Cli.Wrap("bash")
                .WithArguments(["-c", commands.Replace("/bin/Debug/", $"/bin/{Repository.Configuration}/", StringComparison.Ordinal)])
                .WithWorkingDirectory(Repository.Root)
                .WithEnvironmentVariables(environment)
                .WithValidation(CommandResultValidation.None)
                .ExecuteBufferedAsync(limit.Token);
            return (run.ExitCode, run.StandardOutput, run.StandardError);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Still running after {limitSeconds} s:\n{commands}");
        }
    }

    /// <summary>Converts an Npgsql connection string to libpq's syntax.</summary>
    public static string Libpq(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"host={parts.Host} port={parts.Port} user={parts.Username} password={parts.Password} dbname={parts.Database}";
    }
}

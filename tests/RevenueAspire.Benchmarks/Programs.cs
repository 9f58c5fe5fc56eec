using System.Globalization;
using CliWrap;
using CliWrap.Buffered;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Measures the time of programs from start to exit.</summary>
internal static class Programs
{
    /// <summary>Returns the time of a processor command in seconds. Runs the program's own executable, as a user does, not dotnet with a dll.</summary>
    /// <param name="database">Connection string of the ledger, or null.</param>
    /// <param name="arguments">The command line.</param>
    public static async Task<double> ProcessorAsync(string? database, params string[] arguments) =>
        (await Processor(database, arguments).ExecuteBufferedAsync()).RunTime.TotalSeconds;

    /// <summary>Like <see cref="ProcessorAsync"/>, with the process's peak memory in MiB (on Linux; otherwise 0).</summary>
    public static async Task<(double Seconds, double Memory)> MeasureProcessorAsync(string? database, params string[] arguments)
    {
        var running = Processor(database, arguments).ExecuteBufferedAsync();
        var memory = 0.0;
        while (!running.Task.IsCompleted)
        {
            await Task.WhenAny(running.Task, Task.Delay(MemoryPause));
            memory = Math.Max(memory, PeakMemory(running.ProcessId));
        }

        return ((await running).RunTime.TotalSeconds, memory);
    }

    /// <summary>Time in seconds of any program.</summary>
    /// <exception cref="CliWrap.Exceptions.CommandExecutionException">The program failed; the message contains its standard error.</exception>
    public static async Task<double> TimeAsync(string program, IEnumerable<string> arguments, Dictionary<string, string?> environment)
    {
        var result = await Cli.Wrap(program).WithArguments(arguments).WithEnvironmentVariables(environment).ExecuteBufferedAsync();
        return result.RunTime.TotalSeconds;
    }

    private static Command Processor(string? database, string[] arguments) =>
        Cli.Wrap(Path.ChangeExtension(Repository.Executable("RevenueAspire.Processor"), OperatingSystem.IsWindows() ? ".exe" : null))
            .WithArguments(arguments)
            .WithEnvironmentVariables(new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = database });

    private static readonly TimeSpan MemoryPause = TimeSpan.FromMilliseconds(100);

    private static double PeakMemory(int process)
    {
        try
        {
            var peak = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return peak is null ? 0 : double.Parse(peak["VmHWM:".Length..^"kB".Length], CultureInfo.InvariantCulture) / 1024;
        }
        catch (IOException)
        {
            // The process has ended.
            return 0;
        }
    }
}

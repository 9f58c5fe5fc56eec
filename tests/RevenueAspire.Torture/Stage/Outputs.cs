using System.Text.RegularExpressions;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>Saves each process's output in a file, and reports output that is never allowed. Thread-safe.</summary>
internal sealed partial class Outputs(string folder, Violations violations)
{
    private int _count;

    public string Folder => folder;

    /// <summary>Writes and checks the output of a process that has ended.</summary>
    public void Save(string name, ServiceProcess process)
    {
        var output = process.Output;
        var file = Path.Combine(folder, $"{Interlocked.Increment(ref _count):0000}-{name}-{process.Id}.log");
        File.WriteAllText(file, output + "\n");
        if (StackTrace().Match(output) is { Success: true } trace)
        {
            var line = output[..trace.Index].Split('\n').TakeLast(2).FirstOrDefault(text => text.Length > 0);
            violations.Add(ViolationKind.Other, $"{name} wrote a stack trace ({Path.GetFileName(file)}): {line}");
        }

        if (Stopped().Match(output) is { Success: true } stopped)
        {
            violations.Add(ViolationKind.Other, $"{name} stopped a log, which no fault of this tool justifies ({Path.GetFileName(file)}): {stopped.Value}");
        }

        if (LostStatement().Match(output) is { Success: true } lost)
        {
            violations.Add(ViolationKind.Other, $"{name} used a prepared statement that is not in its session ({Path.GetFileName(file)}): {lost.Value}");
        }
    }

    [GeneratedRegex(@"^ +at [A-Za-z_][\w.<>`\[\],+|]*\(|^Unhandled exception", RegexOptions.Multiline)]
    private static partial Regex StackTrace();

    [GeneratedRegex("STOPPED.*")]
    private static partial Regex Stopped();

    [GeneratedRegex(@"prepared statement "".*"" (does not exist|already exists)")]
    private static partial Regex LostStatement();
}

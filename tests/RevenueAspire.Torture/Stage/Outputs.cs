using System.Text.RegularExpressions;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>Keeps what every process wrote as a file, and looks for what none may write. Thread-safe.</summary>
internal sealed partial class Outputs(string folder, Violations violations)
{
    private int _count;

    public string Folder => folder;

    /// <summary>Writes the output of a process that has ended, and checks it.</summary>
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
            violations.Add(ViolationKind.Other, $"{name} gave a log up, which no fault here is a reason for ({Path.GetFileName(file)}): {stopped.Value}");
        }

        if (LostStatement().Match(output) is { Success: true } lost)
        {
            violations.Add(ViolationKind.Other, $"{name} used a named statement that its session does not have ({Path.GetFileName(file)}): {lost.Value}");
        }
    }

    [GeneratedRegex(@"^ +at [A-Za-z_][\w.<>`\[\],+|]*\(|^Unhandled exception", RegexOptions.Multiline)]
    private static partial Regex StackTrace();

    [GeneratedRegex("STOPPED.*")]
    private static partial Regex Stopped();

    [GeneratedRegex(@"prepared statement "".*"" (does not exist|already exists)")]
    private static partial Regex LostStatement();
}

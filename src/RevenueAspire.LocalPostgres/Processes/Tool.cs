using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>The exit code of a finished tool, and its lines from both output streams.</summary>
internal sealed record ToolResult(int ExitCode, IReadOnlyList<string> Lines)
{
    public string Text => string.Join('\n', Lines).Trim();
}

/// <summary>Runs short-lived programs (initdb, npm, id) to their end.</summary>
internal static class Tool
{
    /// <summary>Runs <paramref name="command"/> with <paramref name="input"/> as standard input; returns after it has ended.</summary>
    /// <exception cref="LocalPostgresException">The program cannot be started, or ran longer than <paramref name="limit"/>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the program and its children are killed first.</exception>
    public static async Task<ToolResult> RunAsync(LaunchCommand command, TimeSpan limit, CancellationToken cancellationToken, string input = "")
    {
        using var process = Start(command);
        var lines = new List<string>();
        var output = Task.WhenAll(Pump(process.StandardOutput, lines), Pump(process.StandardError, lines));
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(limit);
        try
        {
            await WriteAsync(process.StandardInput, input);
            await process.WaitForExitAsync(timeout.Token);
            await output.WaitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            cancellationToken.ThrowIfCancellationRequested();
            throw new LocalPostgresException($"{command.FileName} did not end within {limit.TotalSeconds:0} s and was stopped.");
        }

        return new ToolResult(process.ExitCode, lines);
    }

    /// <summary>Starts a program with all three streams as pipes.</summary>
    /// <exception cref="LocalPostgresException">The program cannot be started.</exception>
    public static Process Start(LaunchCommand command)
    {
        var start = new ProcessStartInfo(command.FileName, command.Arguments)
        {
            WorkingDirectory = LaunchCommand.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
        };

        // Remove the user's PGDATA, PGPORT, PGOPTIONS and similar variables, which would change the behaviour of the tools.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in LaunchCommand.Environment.Concat(command.Variables))
        {
            start.Environment[name] = value;
        }

        if (OperatingSystem.IsWindows())
        {
            // Ctrl+C in the console does not reach a new process group, so it replaces a separate session.
            start.CreateNewProcessGroup = true;
        }

        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new LocalPostgresException($"{command.FileName} cannot be started: {exception.Message}", exception);
        }
    }

    private static async Task WriteAsync(StreamWriter writer, string input)
    {
        try
        {
            await writer.WriteAsync(input);
            writer.Close();
        }
        catch (IOException)
        {
            // The program ended without reading its input. Its exit code and output show the reason.
        }
    }

    private static async Task Pump(StreamReader reader, List<string> lines)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }
}

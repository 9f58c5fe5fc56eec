using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>The running commands, from which faults choose. Thread-safe.</summary>
internal sealed class Commands(TortureStage stage)
{
    private readonly List<(string Kind, ServiceProcess Process)> _running = [];

    /// <summary>Runs a command until it ends or a fault ends it, and saves its output.</summary>
    /// <returns>Exit code and output.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string kind, string project, params string[] arguments)
    {
        var process = stage.StartCommand(project, arguments);
        lock (_running)
        {
            _running.Add((kind, process));
        }

        try
        {
            var code = await process.WaitForExitAsync(TimeSpan.FromMinutes(3));
            return (code, process.Output);
        }
        catch (TimeoutException)
        {
            stage.Violations.Add(Checks.ViolationKind.Other, $"{kind} did not end within 3 minutes");
            await process.KillAsync();
            return (process.ExitCode, process.Output);
        }
        finally
        {
            lock (_running)
            {
                _running.RemoveAll(running => running.Process == process);
            }

            stage.Outputs.Save(kind, process);
        }
    }

    /// <summary>A random running command of a kind, or null.</summary>
    public ServiceProcess? Choose(string kind, Random random)
    {
        lock (_running)
        {
            var some = _running.Where(running => running.Kind == kind && !running.Process.HasExited).ToArray();
            return some.Length == 0 ? null : some[random.Next(some.Length)].Process;
        }
    }
}

using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>One of the services: started, killed and started again. That it ends only when it is told to is watched.</summary>
internal sealed class Service(string name, Func<ServiceProcess> start, Outputs outputs, Violations violations, Refusals? refusals = null) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private ServiceProcess? _process;
    private const int EndedBySigterm = 143;
    private static readonly TimeSpan StartingTime = TimeSpan.FromSeconds(5);

    private DateTime _started;

    public string Name => name;

    /// <summary>The process id, or null while it is down.</summary>
    public int? ProcessId => _process?.Id;

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Starts it unless it runs; does not wait until it is ready.</summary>
    public Task StartAsync() => WithGateAsync(() =>
    {
        if (_process is null)
        {
            Start();
        }

        return Task.CompletedTask;
    });

    /// <summary>kill -9, and waits until it is gone.</summary>
    public Task KillAsync() => WithGateAsync(async () =>
    {
        if (_process is not null)
        {
            await _process.KillAsync();
            End(_process);
        }
    });

    /// <summary>Asks it to end, and waits: that it then ends with 0 in a short time is promised.</summary>
    public Task StopAsync() => WithGateAsync(async () =>
    {
        if (_process is not null)
        {
            try
            {
                // SIGTERM ends a runtime that has not yet come to the program's own handler, with 128 + 15. Nothing was begun then.
                var isStarting = DateTime.UtcNow - _started < StartingTime;
                if (await _process.TerminateAsync(TimeSpan.FromSeconds(30)) is not 0 and var code && !(isStarting && code == EndedBySigterm))
                {
                    violations.Add(ViolationKind.Other, $"{name} ended with {code} when it was asked to end");
                }
            }
            catch (TimeoutException)
            {
                violations.Add(ViolationKind.Other, $"{name} did not end within 30 s of SIGTERM");
                await _process.KillAsync();
            }

            End(_process);
        }
    });

    /// <summary>SIGSTOP or SIGCONT; nothing while it is down.</summary>
    public void Send(Signal signal) => _process?.Send(signal);

    /// <summary>Reports an end that nobody asked for, and starts it again.</summary>
    public Task WatchAsync() => WithGateAsync(async () =>
    {
        if (_process is { HasExited: true } ended)
        {
            await ended.WaitForExitAsync();
            if (refusals?.Allows(ended, _started) != true)
            {
                var last = string.Join(" | ", ended.Output.Split('\n').TakeLast(4));
                violations.Add(ViolationKind.Other, $"{name} ended by itself with {ended.ExitCode}: {last}");
            }

            End(ended);
            Start();
        }
    });

    public void Dispose() => _gate.Dispose();

    private void Start() => (_started, _process) = (DateTime.UtcNow, start());

    private void End(ServiceProcess ended)
    {
        outputs.Save(name, ended);
        _process = null;
    }

    private async Task WithGateAsync(Func<Task> action)
    {
        await _gate.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            _gate.Release();
        }
    }
}

using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Stage;

/// <summary>A service that the run can start, kill and restart. Reports an exit that neither SIGTERM nor a kill has caused.</summary>
internal sealed class Service(string name, Func<ServiceProcess> start, Outputs outputs, Violations violations, Refusals? refusals = null) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private ServiceProcess? _process;
    private const int EndedBySigterm = 143;
    private static readonly TimeSpan StartingTime = TimeSpan.FromSeconds(5);

    private DateTime _started;

    public string Name => name;

    /// <summary>The process id, or null while the service is down.</summary>
    public int? ProcessId => _process?.Id;

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Starts the service if it is down; does not wait until it is ready.</summary>
    public Task StartAsync() => WithGateAsync(() =>
    {
        if (_process is null)
        {
            Start();
        }

        return Task.CompletedTask;
    });

    /// <summary>Kills the service with SIGKILL, and waits for its exit.</summary>
    public Task KillAsync() => WithGateAsync(async () =>
    {
        if (_process is not null)
        {
            await _process.KillAsync();
            End(_process);
        }
    });

    /// <summary>Sends SIGTERM and waits. The service must exit with 0 within 30 seconds.</summary>
    public Task StopAsync() => WithGateAsync(async () =>
    {
        if (_process is not null)
        {
            try
            {
                // Before the program has installed its handler, SIGTERM ends the runtime with 128 + 15. This is allowed, because the service has not begun to
                // work.
                var isStarting = DateTime.UtcNow - _started < StartingTime;
                if (await _process.TerminateAsync(TimeSpan.FromSeconds(30)) is not 0 and var code && !(isStarting && code == EndedBySigterm))
                {
                    violations.Add(ViolationKind.Other, $"{name} ended with {code} after SIGTERM");
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

    /// <summary>Sends SIGSTOP or SIGCONT; does nothing while the service is down.</summary>
    public void Send(Signal signal) => _process?.Send(signal);

    /// <summary>Reports an unexpected exit, and restarts the service.</summary>
    public Task WatchAsync() => WithGateAsync(async () =>
    {
        if (_process is { HasExited: true } ended)
        {
            await ended.WaitForExitAsync();
            if (refusals?.Allows(ended, _started) != true)
            {
                var last = string.Join(" | ", ended.Output.Split('\n').TakeLast(4));
                violations.Add(ViolationKind.Other, $"{name} ended unexpectedly with {ended.ExitCode}: {last}");
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

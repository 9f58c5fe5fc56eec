using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>The launched server process: collects its output and detects its end. Thread-safe.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const int KeptLines = 40;
    private static readonly TimeSpan OutputLimit = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly Queue<string> _last = new();
    private readonly Task _output;

    private ServerProcess(Process process, Action<string>? log)
    {
        _process = process;
        process.StandardInput.Close();
        _output = Task.WhenAll(PumpAsync(process.StandardOutput, log), PumpAsync(process.StandardError, log));
        Exited = WaitAsync();
    }

    /// <summary>Completes when the process has ended and its output has been read. Fails if the receiver of the log lines has thrown an exception.</summary>
    public Task Exited { get; }

    /// <summary>Completes when all processes of the server have ended, because each of them keeps the output pipes open. Fails like
    /// <see cref="Exited"/>.</summary>
    public Task AllExited => Task.WhenAll(Exited, _output);

    public IReadOnlyCollection<string> LastLines
    {
        get
        {
            lock (_last)
            {
                return [.. _last];
            }
        }
    }

    public static ServerProcess Start(LaunchCommand command, Action<string>? log) => new(Tool.Start(command), log);

    /// <summary>Kills the process tree. For a process that never became a ready server, so that it cannot be stopped normally.</summary>
    public void Kill() => _process.Kill(entireProcessTree: true);

    public void Dispose() => _process.Dispose();

    private async Task WaitAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _process.EnableRaisingEvents = true;
        _process.Exited += (_, _) => ended.TrySetResult();
        if (_process.HasExited)
        {
            ended.TrySetResult();
        }

        await ended.Task;

        // After a kill -9, the server's child processes keep the pipes open a little longer. Do not wait for them.
        if (await Task.WhenAny(_output, Task.Delay(OutputLimit)) == _output)
        {
            await _output;
        }
    }

    private async Task PumpAsync(StreamReader reader, Action<string>? log)
    {
        Exception? failure = null;
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_last)
            {
                _last.Enqueue(line);
                if (_last.Count > KeptLines)
                {
                    _last.Dequeue();
                }

                try
                {
                    log?.Invoke(line);
                }
                catch (Exception exception)
                {
                    // The receiver failed; Exited reports this. Continue to read the output, because a full pipe would block the server.
                    (failure, log) = (exception, null);
                }
            }
        }

        if (failure != null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }
}

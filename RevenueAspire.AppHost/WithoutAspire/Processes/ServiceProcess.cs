using System.Diagnostics;
using RevenueAspire.AppHost.Output;

namespace RevenueAspire.AppHost.Processes;

/// <summary>One running service. It is never restarted: its end is said in one line, with its exit code.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly PrefixedConsole _console;
    private volatile bool _stopping;

    private ServiceProcess(string name, Process process, PrefixedConsole console)
    {
        Name = name;
        _process = process;
        _console = console;
        Ended = WatchAsync();
    }

    public string Name { get; }

    /// <summary>The exit code, once the process has ended and its output is through.</summary>
    public Task<int> Ended { get; }

    /// <exception cref="StarterException">The program is not built.</exception>
    public static ServiceProcess Start(ServiceDefinition service, PrefixedConsole console)
    {
        var executable = service.Executable;
        var start = ProcessSession.StartInfo(executable);
        start.WorkingDirectory = Path.GetDirectoryName(executable);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach (var (name, value) in service.Environment)
        {
            start.Environment[name] = value;
        }

        return new ServiceProcess(service.Name, Process.Start(start)!, console);
    }

    /// <summary>Asks the service to stop, waits at most <paramref name="patience"/>, then kills it.</summary>
    /// <param name="immediate">Ends the wait early.</param>
    public async Task StopAsync(TimeSpan patience, CancellationToken immediate)
    {
        _stopping = true;
        if (!Ended.IsCompleted)
        {
            ProcessSession.Terminate(_process);
            CloseInput();
            try
            {
                await Ended.WaitAsync(patience, immediate);
            }
            catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
            {
                _console.Say($"{Name} did not stop within {patience.TotalSeconds:0} s and is killed.");
                _process.Kill(entireProcessTree: true);
            }
        }

        await Ended;
    }

    public void Dispose() => _process.Dispose();

    private void CloseInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process has just ended, and its end of the pipe with it.
        }
    }

    private async Task<int> WatchAsync()
    {
        await Task.WhenAll(CopyAsync(_process.StandardOutput), CopyAsync(_process.StandardError), _process.WaitForExitAsync());
        var code = _process.ExitCode;
        _console.Say(_stopping ? $"{Name} has stopped (exit code {code})." : $"{Name} has ended by itself with exit code {code}. It is not restarted.");
        return code;
    }

    private async Task CopyAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            _console.Write(Name, line);
        }
    }
}

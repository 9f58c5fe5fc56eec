using System.Diagnostics;
using System.Text;

namespace RevenueAspire.Testing;

/// <summary>One of the built executables as a separate process, with its output. Killed on disposal. Thread-safe.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    // Environment variables of the shell or the test run that would change the ports, environments or databases of the tested services. They are removed.
    private static readonly string[] NotInherited = ["ASPNETCORE_", "DOTNET_ENVIRONMENT", "URLS", "HTTP_PORTS", "HTTPS_PORTS", "Kestrel", "ConnectionStrings__",
        "OTEL_", "AllowedHosts", "Data__", "EventLog__", "Ingest__", "Client__", "Processor__", "Api__", "TESTINGPLATFORM_", "services__"];

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Task _output;
    private readonly string _name;
    private int _disposed;

    private ServiceProcess(Process process, string name, byte[]? input)
    {
        (_process, _name) = (process, name);
        Id = process.Id;
        _ = FeedAsync(process, input ?? []);
        _output = Task.WhenAll(PumpAsync(process.StandardOutput, Lines), PumpAsync(process.StandardError, ErrorLines));
    }

    /// <summary>Process id.</summary>
    public int Id { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Processor time of all its threads so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>All lines of both streams so far, in order of arrival.</summary>
    public string Output
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <summary>A copy of the lines of standard output.</summary>
    public IReadOnlyList<string> StandardOutput => Copy(Lines);

    /// <summary>A copy of the lines of standard error.</summary>
    public IReadOnlyList<string> StandardError => Copy(ErrorLines);

    private List<string> Lines { get; } = [];

    private List<string> ErrorLines { get; } = [];

    /// <summary>Starts <c>dotnet PROJECT.dll ARGUMENTS</c> for a project below src.</summary>
    /// <param name="project">Project name (<c>RevenueAspire.Api</c>), or the full path of a dll.</param>
    /// <param name="arguments">Command-line arguments.</param>
    /// <param name="environment">Variables in addition to the inherited environment, from which settings of the services are removed. Null removes a
    /// variable.</param>
    /// <param name="workingDirectory">Current directory of the process; by default the temporary folder, not the project's.</param>
    /// <param name="input">The whole content of its standard input; empty by default.</param>
    /// <param name="redirections">Shell redirections for its start, for example <c>&lt;&amp;- &gt;/dev/full</c>; none by default.</param>
    /// <param name="ignoresHangup">Whether it starts with SIGHUP ignored, as with <c>nohup</c>.</param>
    public static ServiceProcess Start(
        string project, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, string? workingDirectory = null,
            byte[]? input = null, string? redirections = null, bool ignoresHangup = false)
    {
        var dll = project.EndsWith(".dll", StringComparison.Ordinal) ? project : Repository.Executable(project);
        if (!File.Exists(dll))
        {
            throw new FileNotFoundException($"{dll} is not built: run dotnet build first.", dll);
        }

        string[] command = [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet", dll, .. arguments];
        if (ignoresHangup)
        {
            command = ["env", "--ignore-signal=HUP", .. command];
        }

        if (Signals.AreIgnored)
        {
            command = ["env", "--default-signal=HUP,INT", .. command];
        }

        if (redirections is not null)
        {
            command = ["bash", "-c", $"exec \"$@\" {redirections}", "bash", .. command];
        }

        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = workingDirectory ?? Path.GetTempPath(),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var name in start.Environment.Keys.Where(name => NotInherited.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
            .ToArray())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        return new ServiceProcess(Process.Start(start)!, Path.GetFileNameWithoutExtension(dll), input);
    }

    /// <summary>Runs an executable until it exits, and returns the finished process, with its <see cref="ExitCode"/>.</summary>
    public static async Task<ServiceProcess> RunAsync(string project, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null,
        string? workingDirectory = null, TimeSpan? limit = null, byte[]? input = null, string? redirections = null)
    {
        var process = Start(project, arguments, environment, workingDirectory, input, redirections);
        try
        {
            await process.WaitForExitAsync(limit);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    private static async Task FeedAsync(Process process, byte[] input)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process exited, or closed its standard input, without reading everything. The test checks the consequences.
        }
    }

    /// <summary>The exit code of the finished process; 128 plus the signal's number after a signal.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>
    /// Waits for a line of either stream that contains <paramref name="text"/>, and returns it. Fails early if the process ends first.
    /// </summary>
    public Task<string> WaitForLineAsync(string text, TimeSpan? limit = null) =>
        WaitAsync(
            () =>
            {
                lock (_lines)
                {
                    return Task.FromResult(_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)));
                }
            },
            limit,
            $"a line with '{text}'");

    /// <summary>Waits until a GET of <paramref name="url"/> succeeds, and returns the body. Fails early if the process ends first.</summary>
    public async Task<string> WaitForUrlAsync(string url, TimeSpan? limit = null)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        return await WaitAsync(
            async () =>
            {
                using var response = await http.GetAsync(new Uri(url));
                return response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync() : null;
            },
            limit,
            $"success of {url}");
    }

    /// <summary>Waits until the process has exited and its output is complete; returns the exit code.</summary>
    /// <exception cref="TimeoutException">It still ran after the limit (45 s by default); the message contains the output.</exception>
    public async Task<int> WaitForExitAsync(TimeSpan? limit = null)
    {
        using var timeout = new CancellationTokenSource(limit ?? Eventually.DefaultLimit);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            await _output.WaitAsync(timeout.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{_name} did not end within {(limit ?? Eventually.DefaultLimit).TotalSeconds:0.#} s. Its output:\n{Output}");
        }
    }

    /// <summary>Sends SIGTERM (kills on Windows), and returns the exit code.</summary>
    public async Task<int> TerminateAsync(TimeSpan? limit = null)
    {
        Send(Signal.Terminate);
        return await WaitForExitAsync(limit);
    }

    /// <summary>Kills the process (SIGKILL), and waits for its exit.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends a signal; does nothing if the process has ended.</summary>
    public void Send(Signal signal)
    {
        if (_process.HasExited)
        {
            return;
        }

        if (OperatingSystem.IsWindows() && signal is (Signal.Terminate or Signal.Kill or Signal.Interrupt))
        {
            _process.Kill();
            return;
        }

        try
        {
            Signals.Send(Id, signal);
        }
        catch (IOException) when (_process.HasExited)
        {
            // The process has ended in the meantime.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }

        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task<string> WaitAsync(Func<Task<string?>> question, TimeSpan? limit, string goal)
    {
        try
        {
            return await Eventually.GetAsync(
                async () =>
                {
                    var ended = _process.HasExited && _output.IsCompleted;
                    return await question() ?? (ended
                        ? throw new InvalidOperationException($"{_name} ended with code {_process.ExitCode} before {goal}. Its output:\n{Output}") : null);
                },
                limit,
                goal);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{_name}: {exception.Message} Its output:\n{Output}", exception.InnerException);
        }
    }

    private async Task PumpAsync(StreamReader reader, List<string> stream)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_lines)
            {
                _lines.Add(line);
                stream.Add(line);
            }
        }
    }

    private List<string> Copy(List<string> lines)
    {
        lock (_lines)
        {
            return [.. lines];
        }
    }
}

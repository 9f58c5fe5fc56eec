using System.Diagnostics;
using System.Globalization;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>A shell that reads from a pipe that only this process writes to. However this process ends, the read then ends and the shell stops the server. (The
/// kernel's parent-death signal fires when the thread that started the server ends, and pool threads are short-lived.)</summary>
internal sealed class ParentWatch : IDisposable
{
    // Signals only while the pid file names the server, because its process id may have been reused.
    private const string Script = """read -r _; if [ "$(head -n 1 "$2" 2>/dev/null)" = "$1" ]; then kill -INT "$1"; fi""";

    private readonly Process _shell;

    private ParentWatch(Process shell) => _shell = shell;

    /// <summary>Starts to watch; null on Windows.</summary>
    public static ParentWatch? TryStart(int processId, string dataDirectory)
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        var command = new LaunchCommand("/bin/sh", ["-c", Script, "sh", processId.ToString(CultureInfo.InvariantCulture), PostmasterPid.PathIn(dataDirectory)]);
        return new ParentWatch(Tool.Start(Session.New(command)));
    }

    /// <summary>Stops watching; the server must have ended.</summary>
    public void Dispose()
    {
        _shell.Kill();
        _shell.WaitForExit();
        _shell.Dispose();
    }
}

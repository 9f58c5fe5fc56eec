using System.Diagnostics;
using System.Globalization;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>A shell that reads from a pipe whose only writer is this process. When this process ends for any reason, the read ends, and the shell stops the
/// server. (The kernel's parent-death signal is not usable: it fires when the thread that started the server ends, and pool threads are short-lived.)</summary>
internal sealed class ParentWatch : IDisposable
{
    // The shell sends a signal only if the pid file still names the server, because another process may have its process id by now.
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

using System.Diagnostics;
using System.Globalization;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>A shell that reads from a pipe which only this process writes to: when this process ends, however, the read ends, and the shell stops the server.
/// (The kernel's parent-death signal would fire at the end of the thread that started the server, and pool threads come and go.)</summary>
internal sealed class ParentWatch : IDisposable
{
    // The pid file still names the server: a number that was given to another process since then is left alone.
    private const string Script = """read -r _; if [ "$(head -n 1 "$2" 2>/dev/null)" = "$1" ]; then kill -INT "$1"; fi""";

    private readonly Process _shell;

    private ParentWatch(Process shell) => _shell = shell;

    /// <summary>Begins to watch; null on Windows.</summary>
    public static ParentWatch? TryStart(int processId, string dataDirectory)
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        var command = new LaunchCommand("/bin/sh", ["-c", Script, "sh", processId.ToString(CultureInfo.InvariantCulture), PostmasterPid.PathIn(dataDirectory)]);
        return new ParentWatch(Tool.Start(Session.New(command)));
    }

    /// <summary>Ends the watch; the server has ended.</summary>
    public void Dispose()
    {
        _shell.Kill();
        _shell.WaitForExit();
        _shell.Dispose();
    }
}

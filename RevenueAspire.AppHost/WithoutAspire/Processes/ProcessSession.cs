using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RevenueAspire.AppHost.Processes;

/// <summary>Keeps the terminal's Ctrl+C from the services, so that they stop in order and not all at once; and asks one of them to stop.</summary>
internal static partial class ProcessSession
{
    private const int SigTerm = 15;

    private static readonly string? SetSid = ((string[])["/usr/bin/setsid", "/bin/setsid"]).FirstOrDefault(File.Exists);

    /// <summary>Starts <c>dotnet program</c> in a session (Linux) or process group (Windows) of its own. macOS has no such command: there Ctrl+C reaches all services at once.</summary>
    public static ProcessStartInfo StartInfo(string program)
    {
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet" + (OperatingSystem.IsWindows() ? ".exe" : "")));
        // A child of ours leads no process group, so setsid execs at once: the process id stays.
        var start = SetSid is null ? new ProcessStartInfo(dotnet, [program]) : new ProcessStartInfo(SetSid, [dotnet, program]);
        if (OperatingSystem.IsWindows())
        {
            start.CreateNewProcessGroup = true;
        }

        return start;
    }

    /// <summary>SIGTERM; on Windows the end of standard input is the only sign there is.</summary>
    public static void Terminate(Process process)
    {
        if (!OperatingSystem.IsWindows())
        {
            // Not to be found means that it has ended by itself: what was wanted.
            _ = Kill(process.Id, SigTerm);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}

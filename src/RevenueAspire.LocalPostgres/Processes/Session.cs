namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Puts a program into a session of its own: a Ctrl+C in the terminal goes to the terminal's foreground group, and a server in it would stop before its clients have drained.</summary>
internal static class Session
{
    /// <summary>The command in a new session. The process id stays that of the started process, since the tool becomes the program.</summary>
    public static LaunchCommand New(LaunchCommand command)
    {
        if (OperatingSystem.IsWindows())
        {
            // A process group of its own instead, set where the process is started.
            return command;
        }

        if (Executables.Find("setsid") is { } setsid)
        {
            return command.Behind(setsid);
        }

        // macOS has no setsid, but a Perl.
        return Executables.Find("perl") is { } perl
            ? command.Behind(perl, "-e", "use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV or die \"$ARGV[0]: $!\"", "--")
            : command;
    }
}

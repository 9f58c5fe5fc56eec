namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Runs a program in a separate session. Otherwise Ctrl+C in a terminal, which signals the whole foreground group, would stop the server before its
/// clients have finished.</summary>
internal static class Session
{
    /// <summary>Returns the command in a new session. The process id stays the same, because the tool executes the program.</summary>
    public static LaunchCommand New(LaunchCommand command)
    {
        if (OperatingSystem.IsWindows())
        {
            // On Windows, Tool.Start creates a process group instead.
            return command;
        }

        if (Executables.Find("setsid") is { } setsid)
        {
            return command.RunBy(setsid);
        }

        // macOS has Perl, but no setsid.
        return Executables.Find("perl") is { } perl
            ? command.RunBy(perl, "-e", "use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV or die \"$ARGV[0]: $!\"", "--")
            : command;
    }
}

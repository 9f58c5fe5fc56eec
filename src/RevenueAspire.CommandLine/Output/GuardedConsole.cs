namespace RevenueAspire.CommandLine;

/// <summary>Standard streams for a program that must finish its work even if its output is lost: to a closed stream, a full one (<c>/dev/full</c>, a full
/// disk), or a pipe without a reader.</summary>
/// <remarks>
/// <see cref="StartupErrors.RunAsync(Func{Task}, Func{Exception, string?})"/> installs it. From then on, <see cref="Console.Out"/> and <see
/// cref="Console.Error"/> never throw. A command passes its exit code through <see cref="ExitCode"/> at the end, so that a script can detect a lost result.
/// Thread-safe.
/// </remarks>
public static class GuardedConsole
{
    private static readonly Lock InstallLock = new();
    private static bool[]? _inherited;
    private static GuardedStream? _output;
    private static GuardedStream? _error;

    /// <summary>Replaces the writers of <see cref="Console"/>. Later calls do nothing.</summary>
    public static void Install()
    {
        lock (InstallLock)
        {
            if (_inherited is not null)
            {
                return;
            }

            _inherited = StandardStreams.FindInherited();
            _output = new GuardedStream(StandardStreams.Output, _inherited[StandardStreams.Output], Console.OpenStandardOutput);
            _error = new GuardedStream(StandardStreams.Error, _inherited[StandardStreams.Error], Console.OpenStandardError);
            Console.SetOut(Writer(_output));
            Console.SetError(Writer(_error));
        }
    }

    /// <summary>Whether standard error still accepts lines. If not, skip progress lines, which would otherwise count as lost output.</summary>
    public static bool CanReport => _error?.IsOpen ?? true;

    /// <summary>Returns the exit code of a command that has written its result. After a lost line, this is 1 instead of 0 or 3, and standard error gets a
    /// message if possible.</summary>
    /// <param name="code">The exit code of the command.</param>
    /// <param name="keepsFinding">Whether 3 is a finding that must stay 3 even if its text is lost, as for <c>verify</c>.</param>
    public static int ExitCode(int code, bool keepsFinding = false)
    {
        if (_output?.Lost is { } reason)
        {
            Console.Error.WriteLine($"Standard output cannot be written ({reason}): the result could not be reported. Completed work is kept.");
        }

        var isLost = (_output?.Lost ?? _error?.Lost) is not null;
        return isLost && (code == ExitCodes.Done || (code == ExitCodes.SomeRejected && !keepsFinding)) ? ExitCodes.NotDone : code;
    }

    /// <summary>Opens standard input.</summary>
    /// <exception cref="UserErrorException">The process was started with a closed standard input. The message is one line for people.</exception>
    public static Stream OpenStandardInput() => _inherited is null or [true, ..]
        ? Console.OpenStandardInput()
        : throw new UserErrorException("standard input is closed: nothing can be read from it");

    private static StreamWriter Writer(GuardedStream stream) => new(stream, Console.OutputEncoding, bufferSize: 256) { AutoFlush = true };
}

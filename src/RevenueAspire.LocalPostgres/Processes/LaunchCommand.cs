namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>A program and its arguments, to be started without a shell. Immutable.</summary>
/// <param name="FileName">Full path of the server, or of a tool that changes session or user and then executes the server.</param>
/// <param name="Arguments">Its arguments, unquoted.</param>
internal sealed record LaunchCommand(string FileName, IReadOnlyList<string> Arguments)
{
    /// <summary>The working directory, which every user may enter. Postgres does not start in a directory that its user may not enter.</summary>
    public static string WorkingDirectory => OperatingSystem.IsWindows() ? Path.GetTempPath() : "/";

    /// <summary>Environment variables of every program. They select English messages, because this library parses errors. (Inherited PG* variables are
    /// removed.)</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["LC_ALL"] = "C" };

    /// <summary>Variables for this command, in addition to <see cref="Environment"/>.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Returns this command as the argument of a tool that executes it: <c>setsid</c>, <c>setpriv ... --</c>.</summary>
    public LaunchCommand RunBy(string fileName, params IEnumerable<string> arguments) =>
        this with { FileName = fileName, Arguments = [.. arguments, FileName, .. Arguments] };
}

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>A program and its arguments, ready to be started without a shell. Immutable.</summary>
/// <param name="FileName">Full path of the program: the server itself, or the tool that changes session and user and then becomes it.</param>
/// <param name="Arguments">Its arguments, unquoted.</param>
internal sealed record LaunchCommand(string FileName, IReadOnlyList<string> Arguments)
{
    /// <summary>A directory that whoever runs the program may enter: Postgres refuses to start where it may not.</summary>
    public static string WorkingDirectory => OperatingSystem.IsWindows() ? Path.GetTempPath() : "/";

    /// <summary>Set for the program: messages in English, since the errors of a failed start are read. (Inherited PG* variables must not reach it
    /// either.)</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["LC_ALL"] = "C" };

    /// <summary>Set for this command beside <see cref="Environment"/>.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>This command behind another that executes it: <c>setsid</c>, <c>setpriv ... --</c>.</summary>
    public LaunchCommand Behind(string fileName, params IEnumerable<string> arguments) =>
        this with { FileName = fileName, Arguments = [.. arguments, FileName, .. Arguments] };
}

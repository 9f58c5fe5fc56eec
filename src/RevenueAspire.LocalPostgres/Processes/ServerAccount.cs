using System.Globalization;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>The user that the server runs as: the current user, except for root. Postgres refuses to run as root, so root runs it as another user, which also
/// owns the server's files.</summary>
internal sealed class ServerAccount
{
    private readonly Func<LaunchCommand, LaunchCommand> _switch;

    private ServerAccount(string name, uint userId, uint groupId, Func<LaunchCommand, LaunchCommand> switchUser) =>
        (Name, UserId, GroupId, _switch) = (name, userId, groupId, switchUser);

    /// <summary>The current user, without a switch.</summary>
    public static ServerAccount Self { get; } = new(Environment.UserName, 0, 0, command => command);

    public string Name { get; }

    public uint UserId { get; }

    public uint GroupId { get; }

    /// <summary>Whether this process is root and the server's user is another one.</summary>
    public bool IsOther => this != Self;

    /// <summary>For root on Linux: the owner of an existing data directory, else user postgres, else user nobody. In all other cases, the current
    /// user.</summary>
    /// <exception cref="LocalPostgresException">This process is root, and there is no other user or no tool to switch to it.</exception>
    public static async Task<ServerAccount> FindAsync(string? dataDirectory, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            return Self;
        }

        var (name, userId, groupId) = await OwnerAsync(dataDirectory, cancellationToken)
            ?? await LookUpAsync("postgres", cancellationToken)
            ?? await LookUpAsync("nobody", cancellationToken)
            ?? throw new LocalPostgresException(
                "Postgres refuses to run as root, and this machine has neither a user postgres nor a user nobody: create one (useradd --system postgres), or "
                + "run as another user.");
        foreach (var switchUser in Switches(name, userId, groupId))
        {
            var probe = await Tool.RunAsync(switchUser(new LaunchCommand("/bin/sh", ["-c", "id -u"])), TimeSpan.FromSeconds(20), cancellationToken);
            if (probe.ExitCode == 0 && probe.Text == userId.ToString(CultureInfo.InvariantCulture))
            {
                return new ServerAccount(name, userId, groupId, switchUser);
            }
        }

        throw new LocalPostgresException(
            $"Postgres refuses to run as root, and neither setpriv, runuser nor su could start a program as user {name}: install util-linux, or run as another "
            + "user.");
    }

    public LaunchCommand Wrap(LaunchCommand command) => _switch(command);

    /// <summary>Returns the first directory on the path to <paramref name="path"/> (including itself, if it exists) that this user may not enter, or
    /// null.</summary>
    public async Task<string?> FirstClosedDirectoryAsync(string path, CancellationToken cancellationToken)
    {
        if (!IsOther)
        {
            return null;
        }

        var way = new List<string>();
        for (var directory = Path.GetFullPath(path); directory != null; directory = Path.GetDirectoryName(directory))
        {
            way.Insert(0, directory);
        }

        // Run the check as that user, so that modes, groups and access lists apply as for the server.
        const string script = """for d; do if [ -e "$d" ] && ! [ -x "$d" ]; then printf '%s' "$d"; exit; fi; done""";
        var result = await Tool.RunAsync(Wrap(new LaunchCommand("/bin/sh", ["-c", script, "sh", .. way])), TimeSpan.FromSeconds(20), cancellationToken);
        return result.Text.Length > 0 ? result.Text : null;
    }

    internal static IEnumerable<Func<LaunchCommand, LaunchCommand>> Switches(string name, uint userId, uint groupId)
    {
        if (Executables.Find("setpriv") is { } setpriv)
        {
            yield return command => command.RunBy(setpriv, $"--reuid={userId}", $"--regid={groupId}", "--clear-groups", "--");
        }

        if (Executables.Find("runuser") is { } runuser)
        {
            yield return command => command.RunBy(runuser, "-u", name, "--");
        }

        if (Executables.Find("su") is { } su)
        {
            // su passes arguments after "--" to the shell, which executes the program.
            yield return command => command.RunBy(su, "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--", name);
        }
    }

    private static async Task<(string Name, uint UserId, uint GroupId)?> OwnerAsync(string? dataDirectory, CancellationToken cancellationToken)
    {
        if (dataDirectory == null || !File.Exists(Path.Combine(dataDirectory, "PG_VERSION")) || Executables.Find("stat") is not { } stat)
        {
            return null;
        }

        var owner = await Tool.RunAsync(new LaunchCommand(stat, ["-c", "%U %u %g", dataDirectory]), TimeSpan.FromSeconds(20), cancellationToken);
        var parts = owner.Text.Split(' ');
        return owner.ExitCode == 0 && parts.Length == 3 && uint.TryParse(parts[1], out var userId) && userId != 0 && uint.TryParse(parts[2], out var groupId)
            ? (parts[0], userId, groupId)
            : null;
    }

    private static async Task<(string Name, uint UserId, uint GroupId)?> LookUpAsync(string name, CancellationToken cancellationToken)
    {
        var id = Executables.Find("id") ?? "/usr/bin/id";
        var user = await Tool.RunAsync(new LaunchCommand(id, ["-u", name]), TimeSpan.FromSeconds(20), cancellationToken);
        var group = await Tool.RunAsync(new LaunchCommand(id, ["-g", name]), TimeSpan.FromSeconds(20), cancellationToken);
        return uint.TryParse(user.Text, out var userId) && uint.TryParse(group.Text, out var groupId) ? (name, userId, groupId) : null;
    }
}

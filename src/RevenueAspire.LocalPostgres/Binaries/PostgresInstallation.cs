namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>Postgres programs of one version on this machine. Immutable.</summary>
/// <param name="BinDirectory">The folder of <c>postgres</c> and <c>initdb</c>, with links resolved.</param>
/// <param name="MajorVersion">15 to 18.</param>
/// <param name="Version">As printed by the program: <c>postgres (PostgreSQL) 15.18</c>.</param>
internal sealed record PostgresInstallation(string BinDirectory, int MajorVersion, string Version)
{
    /// <summary>The oldest supported major version.</summary>
    public const int OldestMajorVersion = 15;

    /// <summary>The newest supported major version.</summary>
    public const int NewestMajorVersion = 18;

    /// <summary>Returns the full path of a program: <c>Program("initdb")</c>.</summary>
    public string Program(string name) => Path.Combine(BinDirectory, OperatingSystem.IsWindows() ? name + ".exe" : name);
}

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>Postgres programs of one version on this machine. Immutable.</summary>
/// <param name="BinDirectory">The folder of <c>postgres</c> and <c>initdb</c>, links resolved.</param>
/// <param name="MajorVersion">15 to 18.</param>
/// <param name="Version">As the program prints it: <c>postgres (PostgreSQL) 15.18</c>.</param>
internal sealed record PostgresInstallation(string BinDirectory, int MajorVersion, string Version)
{
    /// <summary>The oldest major version that is used.</summary>
    public const int OldestMajorVersion = 15;

    /// <summary>The newest major version that is used.</summary>
    public const int NewestMajorVersion = 18;

    /// <summary>Full path of one of its programs: <c>Program("initdb")</c>.</summary>
    public string Program(string name) => Path.Combine(BinDirectory, OperatingSystem.IsWindows() ? name + ".exe" : name);
}

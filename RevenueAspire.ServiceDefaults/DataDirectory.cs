using Microsoft.Extensions.Configuration;

namespace RevenueAspire.ServiceDefaults;

/// <summary>The folder of everything that the services keep: <c>events</c>, <c>postgres</c> and <c>client</c> below it.</summary>
public static class DataDirectory
{
    /// <summary><c>Data:Directory</c> when set (a relative one counts from the current directory); else <c>.data</c> in the clone; else, where Postgres' own user could not enter that
    /// (Linux, as root), a folder below /var/tmp named after a hash of the clone's path; without a clone, <c>.data</c> in the program's folder. Full path; not created.</summary>
    public static string Resolve(IConfiguration configuration) => throw new NotImplementedException();

    /// <summary><c>EventLog:Directory</c> when set, else <c>events</c> in the data directory. Full path; not created.</summary>
    public static string ResolveEventLog(IConfiguration configuration) => throw new NotImplementedException();
}

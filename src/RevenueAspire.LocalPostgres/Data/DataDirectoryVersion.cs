using System.Globalization;
using RevenueAspire.LocalPostgres.Binaries;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Which Postgres made a data directory.</summary>
internal static class DataDirectoryVersion
{
    /// <summary>The major version that made <paramref name="directory"/>; null when it is missing or empty.</summary>
    /// <exception cref="LocalPostgresException">Not a data directory, of an unusable version, or not readable.</exception>
    public static int? Read(string directory)
    {
        try
        {
            if (File.Exists(directory))
            {
                throw new LocalPostgresException($"{directory} is a file, but must be a data directory: name another one.");
            }

            if (!Directory.Exists(directory) || !Directory.EnumerateFileSystemEntries(directory).Any())
            {
                return null;
            }

            var file = Path.Combine(directory, "PG_VERSION");
            var text = File.Exists(file) ? File.ReadAllText(file).Trim() : "";
            if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var version))
            {
                throw new LocalPostgresException(
                    $"{directory} is neither empty nor the data directory of a Postgres server (no PG_VERSION): name another one, or move its files "
                    + "elsewhere.");
            }

            return PostgresBinaries.IsSupported((int)version) ? (int)version
                : throw new LocalPostgresException(
                    $"{directory} was made by PostgreSQL {text}, and this needs 15 to 18: move its data with pg_dump of PostgreSQL {text}, or name another "
                    + "data directory.");
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new LocalPostgresException(
                $"{directory} belongs to another user (was it made as root?): run as that user, or name another data directory.", exception);
        }
    }
}

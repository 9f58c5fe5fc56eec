using System.Globalization;
using RevenueAspire.LocalPostgres.Binaries;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Reads the Postgres version of a data directory.</summary>
internal static class DataDirectoryVersion
{
    /// <summary>Returns the major version that created <paramref name="directory"/>; null if it is missing or empty.</summary>
    /// <exception cref="LocalPostgresException">Not a data directory, of an unsupported version, or not readable.</exception>
    public static int? Read(string directory)
    {
        try
        {
            if (File.Exists(directory))
            {
                throw new LocalPostgresException($"{directory} is a file, but must be a data directory: choose another.");
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
                    $"{directory} is neither empty nor the data directory of a Postgres server (no PG_VERSION): choose another, or move its files "
                    + "elsewhere.");
            }

            return PostgresBinaries.IsSupported((int)version) ? (int)version
                : throw new LocalPostgresException(
                    $"{directory} was created by PostgreSQL {text}, but 15 to 18 is required: export its data with pg_dump of PostgreSQL {text}, or "
                    + "choose another data directory.");
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new LocalPostgresException(
                $"{directory} belongs to another user (was it created as root?): run as that user, or choose another data directory.", exception);
        }
    }
}

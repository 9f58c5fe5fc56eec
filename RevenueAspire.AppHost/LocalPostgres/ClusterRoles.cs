using System.Text.Json;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>The name of the primary, stored next to the data directories. It decides which data is valid: all other directories are copies.
/// Immutable.</summary>
/// <param name="Primary">Name of the primary. Writing this name to disk decides a promotion; if the promotion is interrupted, the next start completes
/// it.</param>
/// <param name="Standbys">Standbys of which at least one has each commit that the primary has acknowledged. Empty while this is uncertain: after a promotion or
/// a change of <c>Postgres:Replicas</c>, until a standby has caught up.</param>
internal sealed record ClusterRoles(string Primary, IReadOnlyList<string> Standbys)
{
    /// <summary>Reads the roles from a file; null if it does not exist.</summary>
    /// <exception cref="UserErrorException">The file is damaged, or names unknown servers.</exception>
    public static ClusterRoles? Read(string path, IReadOnlyList<string> names)
    {
        try
        {
            var roles = JsonSerializer.Deserialize<ClusterRoles>(File.ReadAllBytes(path), JsonSerializerOptions.Web);
            return roles is { Primary: not null, Standbys: not null } && names.Contains(roles.Primary)
                ? roles
                : throw new UserErrorException($"{path} is damaged. Only this file names the primary; restore it.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {exception.Message} Only this file names the primary; restore it.");
        }
    }

    /// <summary>Replaces the file. When it returns, the roles survive a power cut.</summary>
    /// <exception cref="UserErrorException">A disk error. The file is unchanged.</exception>
    public void Write(string path)
    {
        try
        {
            DurableFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(this, JsonSerializerOptions.Web));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be written: {exception.Message}");
        }
    }

    /// <summary>Whether the given servers are the standbys, in any order.</summary>
    public bool HasStandbys(IEnumerable<string> names) => Standbys.ToHashSet().SetEquals(names);
}

using System.Text.Json;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Which server is the primary, kept beside the data directories. It decides which data counts: all others are copies of it. Immutable.</summary>
/// <param name="Primary">Name of the server. A promotion is decided once this is on disk, and completed by each later start.</param>
/// <param name="Standbys">Each commit that the primary has acknowledged is also on one of these servers at least. Empty while that is not known: after a
/// promotion, and after a change of <c>Postgres:Replicas</c>, until one of them has caught up.</param>
internal sealed record ClusterRoles(string Primary, IReadOnlyList<string> Standbys)
{
    /// <summary>The roles in a file; null if it does not exist.</summary>
    /// <exception cref="UserErrorException">The file is damaged, or names other servers.</exception>
    public static ClusterRoles? Read(string path, IReadOnlyList<string> names)
    {
        try
        {
            var roles = JsonSerializer.Deserialize<ClusterRoles>(File.ReadAllBytes(path), JsonSerializerOptions.Web);
            return roles is { Primary: not null, Standbys: not null } && names.Contains(roles.Primary)
                ? roles
                : throw new UserErrorException($"{path} is damaged: only it says which server is the primary. Restore it.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read, and only it says which server is the primary: {exception.Message} Restore it.");
        }
    }

    /// <summary>Replaces the file. When it returns, the roles survive a power cut.</summary>
    /// <exception cref="UserErrorException">The disk refused; the file is as before.</exception>
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

    /// <summary>Whether these are the standbys, in any order.</summary>
    public bool HasStandbys(IEnumerable<string> names) => Standbys.ToHashSet().SetEquals(names);
}

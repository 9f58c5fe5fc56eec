using System.Text.Json;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Format;

/// <summary>Contents of <c>log.json</c> (rule L1): <c>{"id":"&lt;guid&gt;","version":1,"created":"..."}</c>.</summary>
internal sealed record LogIdentity(Guid Id, int Version, DateTimeOffset Created)
{
    public const int CurrentVersion = 1;

    /// <summary>Writes log.json. The file survives a power cut once this returns.</summary>
    public void Write(IFileSystem files, string directory)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("id", Id);
            json.WriteNumber("version", Version);
            json.WriteString("created", Created.UtcDateTime);
            json.WriteEndObject();
        }

        files.WriteAtomically(directory, LogFiles.Identity, stream.ToArray());
    }

    /// <summary>Reads the identity; null if there is none.</summary>
    /// <exception cref="EventLogException">log.json is damaged or has another version.</exception>
    public static LogIdentity? Read(IFileSystem files, string directory)
    {
        var path = Path.Combine(directory, LogFiles.Identity);
        if (files.ReadWhole(path) is not { } contents)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(contents);
            var root = document.RootElement;
            var identity = new LogIdentity(
                root.GetProperty("id").GetGuid(), root.GetProperty("version").GetInt32(), root.GetProperty("created").GetDateTimeOffset());
            return identity.Version == CurrentVersion
                ? identity
                : throw new EventLogException($"{path}: this program does not support version {identity.Version} (it writes version {CurrentVersion})");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new EventLogException(
                $"{path} is damaged: {e.Message} Restore it from a copy. A log in another folder would lack these events, and the ledger may not have them "
                + "yet", e);
        }
    }
}

using System.Text.Json.Serialization;

namespace RevenueAspire.Client.Journal;

/// <summary>A run as the disk remembers it. Saved before the first request, and then about every second.</summary>
/// <remarks>
/// Everything before <see cref="SentThrough"/> is answered. Requests between it and <see cref="OpenThrough"/> may have been sent; they follow from the file,
/// <see cref="Batch"/> and the limits alone; a resumed run sends them again with the same keys. Keys are byte offsets, so that holds only while no byte before
/// <see cref="OpenThrough"/> has changed: <see cref="Digest"/> covers all of them.
/// </remarks>
internal sealed record JournalEntry
{
    /// <summary>Changes with the meaning of the members, and with the way in which a file is cut into requests.</summary>
    public const int CurrentVersion = 2;

    /// <summary>Enough to tell files apart, and read in no time.</summary>
    public const int HeadBytes = 64 * 1024;

    public int Version { get; init; } = CurrentVersion;

    /// <summary>32 hex digits; each request's key is this, a dash and the byte offset of its first line.</summary>
    public required string RunId { get; init; }

    public required string File { get; init; }

    public required string Url { get; init; }

    /// <summary>Bytes of the file that the run is about; only a run that has come to their end may get more.</summary>
    public required long Length { get; init; }

    /// <summary>Lines a request, 0 for single events.</summary>
    public required int Batch { get; init; }

    /// <summary>The API's log, or null when it did not tell: then the run cannot be resumed.</summary>
    public Guid? LogId { get; init; }

    /// <summary>Each request at or behind <see cref="SentThrough"/> was first sent after this offset of the log was seen.</summary>
    public long AsOf { get; init; }

    /// <summary>Byte offset before which every line is answered.</summary>
    public long SentThrough { get; init; }

    /// <summary>Lines before that offset.</summary>
    public long LinesThrough { get; init; }

    /// <summary>No byte at or behind this offset has been sent; 0 before the first request.</summary>
    public long OpenThrough { get; init; }

    /// <summary>SHA-256 of the bytes before <see cref="OpenThrough"/>, in hex.</summary>
    public string Digest { get; init; } = "";

    /// <summary>SHA-256 of the file's first <see cref="HeadBytes"/> bytes, or of all when it is shorter, in hex: knows the file before anything is
    /// sent.</summary>
    public string Head { get; init; } = "";

    /// <summary>The file is known by its bytes before this offset.</summary>
    [JsonIgnore]
    public long KnownThrough => OpenThrough > 0 ? OpenThrough : Math.Min(Length, HeadBytes);

    /// <summary>Their SHA-256.</summary>
    [JsonIgnore]
    public string KnownDigest => OpenThrough > 0 ? Digest : Head;

    /// <summary>Lines before <see cref="SentThrough"/> that the API took.</summary>
    public long Accepted { get; init; }

    /// <summary>Lines before <see cref="SentThrough"/> that are no events.</summary>
    public long Rejected { get; init; }

    /// <summary>The file of rejected lines that this run has made; null before the first of them.</summary>
    public string? RejectedPath { get; init; }

    /// <summary>Bytes of that file that are counted here.</summary>
    public long RejectedBytes { get; init; }

    public bool Finished { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset SavedAt { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(JournalEntry))]
internal sealed partial class JournalJson : JsonSerializerContext;

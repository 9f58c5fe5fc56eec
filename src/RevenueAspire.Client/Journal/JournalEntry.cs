using System.Text.Json.Serialization;

namespace RevenueAspire.Client.Journal;

/// <summary>The state of a run on disk. Saved before the first request, and then about every second.</summary>
/// <remarks>
/// Every line before <see cref="SentThrough"/> is answered. Requests from there to <see cref="OpenThrough"/> may have been sent. A resumed run sends them again
/// with the same keys, because only the file, <see cref="Batch"/> and the limits determine them. Keys contain byte offsets, so no byte before <see
/// cref="OpenThrough"/> may have changed; <see cref="Digest"/> detects this.
/// </remarks>
internal sealed record JournalEntry
{
    /// <summary>Increased when the meaning of a member changes, or the rules that cut a file into requests.</summary>
    public const int CurrentVersion = 2;

    /// <summary>Number of bytes that distinguish files: enough for that, and fast to read.</summary>
    public const int HeadBytes = 64 * 1024;

    public int Version { get; init; } = CurrentVersion;

    /// <summary>32 hex digits. A request's key is this id, a dash and the byte offset of the request's first line.</summary>
    public required string RunId { get; init; }

    public required string File { get; init; }

    public required string Url { get; init; }

    /// <summary>Bytes of the file that the run covers. May grow only after all of them have been sent.</summary>
    public required long Length { get; init; }

    /// <summary>Lines per request, 0 for single events.</summary>
    public required int Batch { get; init; }

    /// <summary>The API's log; null if the API did not report it. Then the run cannot be resumed.</summary>
    public Guid? LogId { get; init; }

    /// <summary>A log offset that was known before any request at or after <see cref="SentThrough"/> was first sent. So all these requests were appended after
    /// it.</summary>
    public long AsOf { get; init; }

    /// <summary>Every line before this byte offset is answered.</summary>
    public long SentThrough { get; init; }

    /// <summary>Number of lines before that offset.</summary>
    public long LinesThrough { get; init; }

    /// <summary>No byte at or after this offset has been sent. 0 before the first request.</summary>
    public long OpenThrough { get; init; }

    /// <summary>SHA-256 in hex of the bytes before <see cref="OpenThrough"/>.</summary>
    public string Digest { get; init; } = "";

    /// <summary>SHA-256 in hex of the file's first <see cref="HeadBytes"/> bytes, or of the whole file if it is shorter. Identifies the file before anything is
    /// sent.</summary>
    public string Head { get; init; } = "";

    /// <summary>The file's bytes before this offset identify it.</summary>
    [JsonIgnore]
    public long KnownThrough => OpenThrough > 0 ? OpenThrough : Math.Min(Length, HeadBytes);

    /// <summary>SHA-256 of the bytes before <see cref="KnownThrough"/>.</summary>
    [JsonIgnore]
    public string KnownDigest => OpenThrough > 0 ? Digest : Head;

    /// <summary>Accepted lines before <see cref="SentThrough"/>.</summary>
    public long Accepted { get; init; }

    /// <summary>Rejected lines before <see cref="SentThrough"/>.</summary>
    public long Rejected { get; init; }

    /// <summary>The run's file of rejected lines; null before the first rejected line.</summary>
    public string? RejectedPath { get; init; }

    /// <summary>Bytes of that file that this entry covers.</summary>
    public long RejectedBytes { get; init; }

    public bool Finished { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset SavedAt { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(JournalEntry))]
internal sealed partial class JournalJson : JsonSerializerContext;

using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Client.Journal;

/// <summary>The reason why the service sends its file.</summary>
internal enum SendKind
{
    /// <summary>The service sends the file when it starts, unless it has already sent the complete content to this log.</summary>
    Start,

    /// <summary>A request makes the service send the file, even if it was sent before.</summary>
    Generate,
}

/// <summary>Names the journals. A repeat of the same run gets the same name. Pure.</summary>
internal static class JournalNames
{
    /// <summary>Pattern of the tool's journals.</summary>
    public const string AnySend = "send-*.json";

    /// <summary>A new run of the tool, named after the file and the log, not the API's address. Earlier runs are found by content, not by this name.</summary>
    /// <param name="fullPath">Path of the file.</param>
    /// <param name="logId">The API's log; null if the API does not report it. Then the address identifies the log.</param>
    /// <param name="url">The API's address.</param>
    public static string Send(string fullPath, Guid? logId, Uri url) => "send-" + Hash($"{fullPath}\n{logId?.ToString("N") ?? url.AbsoluteUri}");

    /// <summary>A run of the tool whose path now contains another file.</summary>
    public static string Aside(string runId) => "send-" + runId;

    /// <summary>A run of the tool for standard input, which differs each time.</summary>
    public static string StandardInput() => "send-input-" + Guid.NewGuid().ToString("N");

    /// <summary>A run of the service, named after the content and the log, not the file's path or the API's address.</summary>
    /// <param name="kind">The reason for the run.</param>
    /// <param name="content">Digest of the content.</param>
    /// <param name="logId">The API's log; null if the API does not report it. Then the address identifies the log.</param>
    /// <param name="url">The API's address.</param>
    public static string Service(SendKind kind, string content, Guid? logId, Uri url) =>
        $"{Content(kind, content)}-{(logId is { } id ? id.ToString("N") : Hash(url.AbsoluteUri))}";

    /// <summary>Pattern of the service's journals of one kind.</summary>
    public static string Any(SendKind kind) => Prefix(kind) + "*.json";

    /// <summary>Pattern of the service's journals of one kind and content, for all logs.</summary>
    public static string AnyLog(SendKind kind, string content) => Content(kind, content) + "-*.json";

    /// <summary>Whether the path is that of a service journal of this kind.</summary>
    public static bool IsOf(SendKind kind, string path) => Path.GetFileName(path).StartsWith(Prefix(kind), StringComparison.Ordinal);

    private static string Content(SendKind kind, string content) => Prefix(kind) + content[..20];

    private static string Prefix(SendKind kind) => kind == SendKind.Start ? "start-" : "generate-";

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 10));
}

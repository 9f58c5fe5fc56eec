using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Client.Journal;

/// <summary>Why the service sends its file.</summary>
internal enum SendKind
{
    /// <summary>Once for each log; content that was sent to the end before is left alone.</summary>
    Start,

    /// <summary>Each time.</summary>
    Generate,
}

/// <summary>What a journal is called: the same run comes to the same name. Pure.</summary>
internal static class JournalNames
{
    /// <summary>Pattern of the tool's journals.</summary>
    public const string AnySend = "send-*.json";

    /// <summary>Of the tool: the same file into the same log, whatever the API's address is. Only where a new run begins: an earlier one is found by its
    /// content.</summary>
    /// <param name="fullPath">Of the file.</param>
    /// <param name="logId">The API's log; null when it does not tell, then its address stands for it.</param>
    /// <param name="url">The API's address.</param>
    public static string Send(string fullPath, Guid? logId, Uri url) => "send-" + Hash($"{fullPath}\n{logId?.ToString("N") ?? url.AbsoluteUri}");

    /// <summary>Of the tool: a run whose path another file has now.</summary>
    public static string Aside(string runId) => "send-" + runId;

    /// <summary>Of the tool: standard input is another one each time.</summary>
    public static string StandardInput() => "send-input-" + Guid.NewGuid().ToString("N");

    /// <summary>Of the service: the same content into the same log, wherever the file lies and whatever the API's address is.</summary>
    /// <param name="kind">What the run stands for.</param>
    /// <param name="content">The content's digest.</param>
    /// <param name="logId">The API's log; null when it does not tell, then its address stands for it.</param>
    /// <param name="url">The API's address.</param>
    public static string Service(SendKind kind, string content, Guid? logId, Uri url) =>
        $"{Content(kind, content)}-{(logId is { } id ? id.ToString("N") : Hash(url.AbsoluteUri))}";

    /// <summary>Pattern of the service's journals of one kind.</summary>
    public static string Any(SendKind kind) => Prefix(kind) + "*.json";

    /// <summary>Pattern of the service's journals of one kind and content, into whatever log.</summary>
    public static string AnyLog(SendKind kind, string content) => Content(kind, content) + "-*.json";

    /// <summary>Whether a journal of the service is of this kind.</summary>
    public static bool IsOf(SendKind kind, string path) => Path.GetFileName(path).StartsWith(Prefix(kind), StringComparison.Ordinal);

    private static string Content(SendKind kind, string content) => Prefix(kind) + content[..20];

    private static string Prefix(SendKind kind) => kind == SendKind.Start ? "start-" : "generate-";

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 10));
}

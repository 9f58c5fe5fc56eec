using System.Text.RegularExpressions;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Interprets messages from the server and its tools.</summary>
internal static partial class ServerMessages
{
    private const int ShownLines = 3;

    // From Postgres' walsender.c, walreceiver.c and xlogrecovery.c (15 to 18).
    private static readonly string[] Hindrances =
        ["has already been removed", "is not in this server's history", "is behind recovery timeline", "before current recovery point",
            "is not a child of database system timeline"];

    /// <summary>Summarises a failure in one line: the errors and their hints, or else the last lines.</summary>
    public static string Summarize(IReadOnlyCollection<string> lines)
    {
        var said = lines.Where(line => !string.IsNullOrWhiteSpace(line)).ToArray();
        var errors = said.Where(line => Severe().IsMatch(line)).TakeLast(ShownLines).ToArray();
        var shown = (errors.Length > 0 ? errors : said.TakeLast(ShownLines)).Select(line => Prefix().Replace(line, "").Trim());
        return said.Length == 0 ? "it printed nothing" : string.Join("; ", shown);
    }

    /// <summary>Whether the server reports that its port is in use.</summary>
    public static bool IsPortTaken(IEnumerable<string> lines) => lines.Any(
        line => line.Contains("could not bind", StringComparison.Ordinal) || line.Contains("could not create any TCP/IP sockets", StringComparison.Ordinal));

    /// <summary>Whether processes of a killed server still hold its shared memory. They end within moments.</summary>
    public static bool IsMemoryInUse(IEnumerable<string> lines) => lines.Any(line => line.Contains("is still in use", StringComparison.Ordinal));

    /// <summary>Whether a standby reports that it can never follow its primary: the primary no longer has the required log, or their histories
    /// differ.</summary>
    public static bool CannotFollow(IEnumerable<string> lines) =>
        lines.Any(line => Hindrances.Any(hindrance => line.Contains(hindrance, StringComparison.Ordinal)));

    [GeneratedRegex("(FATAL|PANIC|ERROR|HINT): |error: ")]
    private static partial Regex Severe();

    // Matches "2026-01-31 12:00:00.000 UTC [123] ", from the server's default log_line_prefix.
    [GeneratedRegex(@"^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] ")]
    private static partial Regex Prefix();
}

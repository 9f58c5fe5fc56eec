using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;

namespace RevenueAspire.Processor.Processing;

/// <summary>Finds the kind of a path on the command line.</summary>
internal static class SourcePath
{
    /// <summary>The log's directory when the path is one, or lies in one (rule M10: a path beside a log.json is that log); null for a file.</summary>
    /// <exception cref="UserErrorException">A directory that is no log, or nothing at all.</exception>
    public static string? FindLog(string path)
    {
        if (path.Length == 0)
        {
            throw new UserErrorException("an empty path: give the name of a file");
        }

        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            return EventLogReader.IsLog(full)
                ? full
                : throw new UserErrorException(
                    $"{path}: a directory, and not one of a log (it has no log.json): give the files in it, as {Path.Combine(path, "*.jsonl")}");
        }

        if (!File.Exists(full))
        {
            throw new UserErrorException($"{path}: no such file");
        }

        var folder = Path.GetDirectoryName(full);
        return folder is not null && EventLogReader.IsLog(folder) ? folder : null;
    }
}

using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;

namespace RevenueAspire.Processor.Processing;

/// <summary>Determines whether a path on the command line is a log or a file.</summary>
internal static class SourcePath
{
    /// <summary>Finds the log's directory if the path is one or is inside one; null for any other file. A path next to a log.json belongs to that log (rule
    /// M10).</summary>
    /// <exception cref="UserErrorException">The path is a directory that is not a log, or does not exist.</exception>
    public static string? FindLog(string path)
    {
        if (path.Length == 0)
        {
            throw new UserErrorException("empty path: give the name of a file");
        }

        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            return EventLogReader.IsLog(full)
                ? full
                : throw new UserErrorException(
                    $"{path}: is a directory, but not a log (it contains no log.json); give the files in it, for example {Path.Combine(path, "*.jsonl")}");
        }

        if (!File.Exists(full))
        {
            throw new UserErrorException($"{path}: no such file");
        }

        var folder = Path.GetDirectoryName(full);
        return folder is not null && EventLogReader.IsLog(folder) ? folder : null;
    }
}

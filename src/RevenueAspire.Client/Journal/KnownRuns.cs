using RevenueAspire.Client.Input;

namespace RevenueAspire.Client.Journal;

/// <summary>A run from a journal of the tool, compared with a file.</summary>
/// <param name="Path">Path of the journal.</param>
/// <param name="Entry">The last saved entry.</param>
/// <param name="HasContent">Whether the file begins with all bytes that the run may have sent. If the run has sent nothing, its <see cref="JournalEntry.Head"/>
/// is compared.</param>
/// <param name="HasPath">Whether the file has the path of the run's file.</param>
internal sealed record KnownRun(string Path, JournalEntry Entry, bool HasContent, bool HasPath)
{
    /// <summary>Whether the run may have sent a request.</summary>
    public bool MayBeSent => Entry.OpenThrough > 0;
}

/// <summary>Finds runs by the content of their file, because the file may since have been renamed or compressed, or have another path.</summary>
internal static class KnownRuns
{
    /// <summary>Returns the tool's runs that may belong to a file, newest first.</summary>
    /// <param name="directory">Directory of the journals; may be missing.</param>
    /// <param name="input">Read up to the highest offset in a journal.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <returns>The runs with the file's content or path; and the path of an unreadable journal, or null.</returns>
    /// <exception cref="SendException">The file cannot be read.</exception>
    public static async Task<(List<KnownRun> Runs, string? Unreadable)> FindAsync(string directory, InputFile input, CancellationToken cancellationToken)
    {
        var runs = new List<KnownRun>();
        string? unreadable = null;
        using var digest = new SentDigest(input);
        var entries = new List<(string Path, JournalEntry Entry)>();
        foreach (var path in Directory.Exists(directory) ? Directory.GetFiles(directory, JournalNames.AnySend) : [])
        {
            if (RunJournal.TryRead(path) is { } entry)
            {
                entries.Add((path, entry));
            }
            else if (File.Exists(path))
            {
                unreadable = path;
            }
        }

        // Read the file only once, and take a digest at each offset that a journal needs.
        foreach (var (path, entry) in entries.OrderBy(known => known.Entry.KnownThrough))
        {
            var hasContent = entry.KnownThrough > 0 && entry.KnownThrough <= input.Length
                && await digest.ThroughAsync(entry.KnownThrough, cancellationToken) == entry.KnownDigest;
            var hasPath = entry.File == input.FullPath;
            if (hasContent || hasPath)
            {
                runs.Add(new KnownRun(path, entry, hasContent, hasPath));
            }
        }

        return ([.. runs.OrderByDescending(run => run.Entry.SavedAt)], unreadable);
    }
}

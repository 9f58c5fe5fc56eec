using RevenueAspire.Client.Input;

namespace RevenueAspire.Client.Journal;

/// <summary>A run that a journal of the tool remembers, compared with a file.</summary>
/// <param name="Path">Of the journal.</param>
/// <param name="Entry">As it was saved last.</param>
/// <param name="HasContent">Whether the file begins with all bytes that the run may have sent; of a run that has sent nothing, with the beginning of its
/// file.</param>
/// <param name="HasPath">Whether the file lies where the run's file lay.</param>
internal sealed record KnownRun(string Path, JournalEntry Entry, bool HasContent, bool HasPath)
{
    /// <summary>Whether a request of it may have been sent.</summary>
    public bool MayBeSent => Entry.OpenThrough > 0;
}

/// <summary>Finds runs by the content of their file: it may have been renamed, compressed, or be reached by another path since.</summary>
internal static class KnownRuns
{
    /// <summary>Runs of the tool that may concern a file, newest first.</summary>
    /// <param name="directory">Of the journals; may be missing.</param>
    /// <param name="input">Read up to the furthest offset that a journal names.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The runs with the file's content or path, and a journal that cannot be read, or null.</returns>
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

        // One pass over the file: a digest is taken on the way at each offset that a journal names.
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

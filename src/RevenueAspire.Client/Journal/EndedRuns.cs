using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Journal;

/// <summary>Bounds the number of journals: each rotation of a file that is sent leaves one behind.</summary>
internal static class EndedRuns
{
    /// <summary>Journals that are kept of ended runs whose file has left its path. About 1 KB each.</summary>
    public const int Kept = 1000;

    /// <summary>Removes the oldest journals beyond <see cref="Kept"/>, counting only runs that came to their end and whose file is no longer at its path.</summary>
    /// <remarks>
    /// No request of such a run is open, so nothing can be repeated or lost. A later <c>--resume</c> of the rotated file finds no run, and sends nothing.
    /// A run that was stopped, and a finished one whose file may still grow at its path, keep their journals.
    /// </remarks>
    /// <param name="directory">Of the journals.</param>
    public static void Trim(string directory)
    {
        var paths = Directory.GetFiles(directory, JournalNames.AnySend);
        if (paths.Length <= Kept)
        {
            return;
        }

        var ended = paths.Select(path => (Path: path, Entry: RunJournal.TryRead(path)))
            .Where(journal => journal.Entry is { Finished: true } entry && HasLeft(journal.Path, entry));
        foreach (var (path, entry) in ended.OrderByDescending(journal => journal.Entry!.SavedAt).Skip(Kept))
        {
            Remove(directory, path, entry!);
        }
    }

    private static bool HasLeft(string path, JournalEntry entry) =>
        Path.GetFileNameWithoutExtension(path) == JournalNames.Aside(entry.RunId) || !File.Exists(entry.File);

    private static void Remove(string directory, string path, JournalEntry entry)
    {
        try
        {
            using var journal = RunJournal.Open(directory, Path.GetFileNameWithoutExtension(path), entry.File);
            if (journal.Load() == entry)
            {
                journal.Remove();
            }
        }
        catch (Exception exception) when (exception is SendException or IOException or UnauthorizedAccessException)
        {
            // Another process has taken the run up, or the disk refuses: one journal too many does no harm.
        }
    }
}

using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Journal;

/// <summary>Limits the number of journals, since each file sent leaves one. One thread per directory; other processes may use the directory.</summary>
internal static class EndedRuns
{
    /// <summary>Number of journals to keep, newest first, of finished runs that no later run needs. A journal takes about 1 KB.</summary>
    public const int Kept = 1000;

    /// <summary>Removes the tool's oldest journals beyond <see cref="Kept"/>. Considers only finished runs whose file is no longer at its path.</summary>
    /// <remarks>
    /// Such a run has no open requests, so nothing can be repeated or lost. A later <c>--resume</c> of the rotated file finds no run and sends nothing.
    /// An interrupted run keeps its journal. So does a finished run whose file may still grow at its path.
    /// </remarks>
    /// <param name="directory">Directory of the journals.</param>
    public static void Trim(string directory) => Trim(directory, Directory.GetFiles(directory, JournalNames.AnySend), HasLeft);

    /// <summary>Removes the service's oldest journals beyond <see cref="Kept"/>. Considers only finished runs: those of <c>/generateEvents</c>, and those that
    /// were sent at start to another log.</summary>
    /// <remarks>
    /// The service does not need these journals: <c>/generateEvents</c> sends a finished file again in any case. But the journal of a finished run at start
    /// prevents a second send. So it is kept while the API has that run's log. An interrupted run keeps its journal.
    /// </remarks>
    /// <param name="directory">Directory of the journals.</param>
    /// <param name="logId">The API's log; null if the API does not report it. Then the address identifies the log.</param>
    /// <param name="url">The API's address.</param>
    public static void TrimService(string directory, Guid? logId, Uri url) => Trim(
        directory,
        [.. Directory.GetFiles(directory, JournalNames.Any(SendKind.Generate)), .. Directory.GetFiles(directory, JournalNames.Any(SendKind.Start))],
        (path, entry) =>
            JournalNames.IsOf(SendKind.Generate, path) || (entry.LogId is { } other && logId is { } now ? other != now : entry.Url != url.AbsoluteUri));

    private static void Trim(string directory, string[] paths, Func<string, JournalEntry, bool> isNotNeeded)
    {
        if (paths.Length <= Kept)
        {
            return;
        }

        var ended = paths.Select(path => (Path: path, Entry: RunJournal.TryRead(path)))
            .Where(journal => journal.Entry is { Finished: true } entry && isNotNeeded(journal.Path, entry));
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
            // Another process has resumed the run, or the disk failed. One extra journal is harmless.
        }
    }
}

using System.Text.Json;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Journal;

/// <summary>The journal of a run: one small file, locked by one process at a time.</summary>
internal sealed class RunJournal : IDisposable
{
    private readonly FileStream _lock;

    private RunJournal(string path, FileStream @lock)
    {
        FilePath = path;
        _lock = @lock;
    }

    public string FilePath { get; }

    /// <summary>Opens and locks a journal.</summary>
    /// <param name="directory">Created if missing.</param>
    /// <param name="name">Name of the run; see <see cref="JournalNames"/>.</param>
    /// <param name="file">The file to send, for messages.</param>
    /// <exception cref="SendException">Another process has locked it, or the directory is unusable. The message is one line for people.</exception>
    public static RunJournal Open(string directory, string name, string file)
    {
        var path = Path.Combine(directory, name + ".json");
        try
        {
            CreateDirectory(directory);
            return new RunJournal(path, new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (SharingViolation.IsIn(exception))
        {
            throw new SendException(SendFailure.LocalFile, $"Another process is sending {file} (lock file {path}.lock).", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SendException(
                SendFailure.LocalFile,
                $"Progress cannot be saved in {directory}: {exception.Message} Set Data:Directory to a writable folder.",
                exception);
        }
    }

    /// <summary>Returns the saved entry, or null if there is none.</summary>
    /// <exception cref="SendException">The file is damaged or from another version.</exception>
    public JournalEntry? Load()
    {
        try
        {
            var entry = JsonSerializer.Deserialize(File.ReadAllBytes(FilePath), JournalJson.Default.JournalEntry);
            return entry is { Version: JournalEntry.CurrentVersion }
                ? entry
                : throw new SendException(SendFailure.CannotResume, $"The journal {FilePath} was written by another version of this program.");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new SendException(SendFailure.CannotResume, $"The journal {FilePath} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Returns the entry of a journal, or null if it cannot be read. Takes no lock.</summary>
    public static JournalEntry? TryRead(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), JournalJson.Default.JournalEntry) is { Version: JournalEntry.CurrentVersion } entry
                ? entry
                : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Replaces the entry. When this returns, the entry survives a power cut.</summary>
    /// <exception cref="SendException">The disk failed; the previous entry is still there.</exception>
    public void Save(JournalEntry entry)
    {
        try
        {
            DurableFile.Replace(FilePath, JsonSerializer.SerializeToUtf8Bytes(entry, JournalJson.Default.JournalEntry));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SendException(SendFailure.LocalFile, $"Progress cannot be saved in {FilePath}: {exception.Message}", exception);
        }
    }

    /// <summary>Renames the journal of another run, so that this run can use the name.</summary>
    /// <exception cref="SendException">The disk failed; the journal still has its name.</exception>
    public void SetAside(JournalEntry other)
    {
        var directory = Path.GetDirectoryName(FilePath)!;
        try
        {
            File.Move(FilePath, Path.Combine(directory, JournalNames.Aside(other.RunId) + ".json"), overwrite: true);
            DurableFile.SyncDirectory(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SendException(SendFailure.LocalFile, $"The journal {FilePath} of {other.File} cannot be kept: {exception.Message}", exception);
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Removes the journal of a run that cannot be resumed. Call it before <see cref="Dispose"/>.</summary>
    public void Remove()
    {
        File.Delete(FilePath);
        File.Delete(_lock.Name);
    }

    /// <summary>Creates the directory, and makes each new directory's name durable in its parent.</summary>
    private static void CreateDirectory(string directory)
    {
        if (Directory.Exists(directory))
        {
            return;
        }

        var parent = Path.GetDirectoryName(directory);
        if (parent is not null)
        {
            CreateDirectory(parent);
        }

        Directory.CreateDirectory(directory);
        if (parent is not null)
        {
            DurableFile.SyncDirectory(parent);
        }
    }
}

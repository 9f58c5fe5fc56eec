using System.Text.Json;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Journal;

/// <summary>The journal of a run: one small file, held by one process at a time.</summary>
internal sealed class RunJournal : IDisposable
{
    private readonly FileStream _lock;

    private RunJournal(string path, FileStream @lock)
    {
        FilePath = path;
        _lock = @lock;
    }

    public string FilePath { get; }

    /// <summary>Opens, and where needed makes, the journal's place.</summary>
    /// <param name="directory">Made when missing.</param>
    /// <param name="name">What the run is about; see <see cref="JournalNames"/>.</param>
    /// <param name="file">What is sent, for messages.</param>
    /// <exception cref="SendException">Another process holds it, or the directory cannot be used; one line for people.</exception>
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
            throw new SendException(SendFailure.LocalFile, $"{file} is being sent by another process (its lock is {path}.lock).", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SendException(
                SendFailure.LocalFile,
                $"Progress cannot be kept in {directory}: {exception.Message} Set Data:Directory to a folder that can be written.",
                exception);
        }
    }

    /// <summary>The saved entry, or null without one.</summary>
    /// <exception cref="SendException">The file is damaged or of another version.</exception>
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

    /// <summary>The entry of another journal, or null when it cannot be read. Takes no lock.</summary>
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

    /// <summary>Replaces the entry. When it returns, it survives a power cut.</summary>
    /// <exception cref="SendException">The disk refused; the entry before is still there.</exception>
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

    /// <summary>Gives the journal of another run a name of its own, so that this one can be saved.</summary>
    /// <exception cref="SendException">The disk refused; it is still there.</exception>
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

    /// <summary>Removes what nobody can take up again. Call it before disposing.</summary>
    public void Remove()
    {
        File.Delete(FilePath);
        File.Delete(_lock.Name);
    }

    /// <summary>Makes the directory, and its name durable in each parent that was made for it.</summary>
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

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using RevenueAspire.Client.Sending;

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
    /// <param name="kind">Separates runs of different origin: <c>send</c>, <c>start</c>, <c>generate</c>.</param>
    /// <param name="identity">What the run is about: path and address, or content and address.</param>
    /// <exception cref="JournalException">Another process holds it, or the directory cannot be used; one line for people.</exception>
    public static RunJournal Open(string directory, string kind, params ReadOnlySpan<string> identity)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', identity)));
        var path = Path.Combine(directory, $"{kind}-{Convert.ToHexStringLower(hash.AsSpan(0, 10))}.json");
        try
        {
            CreateDirectory(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"Progress cannot be kept in {directory}: {exception.Message} Set Data:Directory to a folder that can be written.", exception);
        }

        try
        {
            return new RunJournal(path, new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new JournalException($"Progress cannot be kept in {directory}: {exception.Message} Set Data:Directory to a folder that can be written.", exception);
        }
        catch (IOException exception)
        {
            throw new JournalException($"{identity[0]} is being sent to {identity[^1]} by another process (its lock is {path}.lock).", exception);
        }
    }

    /// <summary>The saved entry, or null without one.</summary>
    /// <exception cref="JournalException">The file is damaged or of another version.</exception>
    public JournalEntry? Load()
    {
        try
        {
            var entry = JsonSerializer.Deserialize(File.ReadAllBytes(FilePath), JournalJson.Default.JournalEntry);
            return entry is { Version: JournalEntry.CurrentVersion }
                ? entry
                : throw new JournalException($"The journal {FilePath} was written by another version of this program.");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"The journal {FilePath} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Replaces the entry. When it returns, it survives a power cut.</summary>
    /// <exception cref="JournalException">The disk refused; the entry before is still there.</exception>
    public void Save(JournalEntry entry)
    {
        try
        {
            DurableFile.Replace(FilePath, JsonSerializer.SerializeToUtf8Bytes(entry, JournalJson.Default.JournalEntry));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"Progress cannot be saved in {FilePath}: {exception.Message}", exception);
        }
    }

    public void Dispose() => _lock.Dispose();

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

/// <summary>The journal cannot be used; the message is one line for people.</summary>
internal sealed class JournalException(string message, Exception? innerException = null) : SendException(SendFailure.LocalFile, message, innerException);

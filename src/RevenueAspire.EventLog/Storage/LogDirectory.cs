using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Storage;

/// <summary>Ensures that a folder has only one writer, and checks which log it contains (rule L1).</summary>
internal static class LogDirectory
{
    /// <summary>Creates the folder if missing, and takes its lock.</summary>
    /// <exception cref="EventLogException">Another writer holds the lock, or the folder cannot be created.</exception>
    public static IFileHandle Lock(IFileSystem files, string directory)
    {
        try
        {
            files.CreateDirectory(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the folder cannot be created: {e.Message}", e);
        }

        return LockExisting(files, directory);
    }

    /// <summary>Takes the lock of an existing folder.</summary>
    /// <exception cref="EventLogException">Another writer holds the lock, or the lock file cannot be opened.</exception>
    public static IFileHandle LockExisting(IFileSystem files, string directory)
    {
        try
        {
            return files.Lock(Path.Combine(directory, LogFiles.Lock));
        }
        catch (LockHeldException e)
        {
            throw new EventLogException($"{directory}: another process writes this log; stop it, or set EventLog:Directory to another folder ({e.Message})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: {LogFiles.Lock} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Checks that the folder still contains the given log.</summary>
    /// <exception cref="EventLogException">log.json is gone, damaged, or names another log.</exception>
    public static void CheckIdentity(IFileSystem files, string directory, Guid logId)
    {
        var id = LogIdentity.Read(files, directory)?.Id;
        if (id != logId)
        {
            throw new EventLogException(id is null
                ? $"{LogFiles.Identity} of log {logId:N} is gone; restore the folder, or restart the service for a new log"
                : $"{LogFiles.Identity} now names another log ({id:N}) than {logId:N}, which was being written; restore the folder, or restart the service to "
                  + "write the other log");
        }
    }

    /// <summary>Reads log.json, or creates a new log in an empty folder.</summary>
    /// <exception cref="EventLogException">Files of a log exist without log.json, or log.json is damaged.</exception>
    public static LogIdentity ReadOrCreateIdentity(IFileSystem files, string directory, TimeProvider time)
    {
        var names = files.List(directory);
        if (LogIdentity.Read(files, directory) is { } identity)
        {
            if (LogFiles.Segments(names).Count == 0)
            {
                // The first start may have failed to make log.json durable. Write it again while no segment depends on it.
                identity.Write(files, directory);
            }

            return identity;
        }

        // Another file exists without log.json. A crash cannot cause this, because log.json is durable before any other file is created, so log.json was
        // removed.
        var orphan = names.FirstOrDefault(name => name == LogFiles.Mark || LogFiles.TryParseSegment(name, out _) || LogFiles.TryParseSeal(name, out _));
        if (orphan is not null)
        {
            throw new EventLogException(
                $"{directory}: {orphan} exists without log.json, so its log is unknown; restore log.json from a copy. A log in another folder would lack these "
                + "events, and the ledger may not have them yet");
        }

        var created = new LogIdentity(Guid.NewGuid(), LogIdentity.CurrentVersion, time.GetUtcNow());
        created.Write(files, directory);
        return created;
    }
}

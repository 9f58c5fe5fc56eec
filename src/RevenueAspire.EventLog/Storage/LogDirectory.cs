using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Storage;

/// <summary>Who may write a folder, and whose log it is (rule L1).</summary>
internal static class LogDirectory
{
    /// <summary>Makes the folder when it is missing and takes its lock.</summary>
    /// <exception cref="EventLogException">Another writer holds it, or it cannot be made.</exception>
    public static IFileHandle Lock(IFileSystem files, string directory)
    {
        try
        {
            files.CreateDirectory(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the folder cannot be made: {e.Message}", e);
        }

        return LockExisting(files, directory);
    }

    /// <summary>Takes the lock of a folder that is there.</summary>
    /// <exception cref="EventLogException">Another writer holds it, or it cannot be opened.</exception>
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

    /// <summary>Makes sure that the folder is still this log's.</summary>
    /// <exception cref="EventLogException">log.json is gone, damaged, or another log's.</exception>
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

    /// <summary>Reads log.json, or makes a new log of an empty folder.</summary>
    /// <exception cref="EventLogException">Parts of a log are there without log.json, or that is damaged.</exception>
    public static LogIdentity ReadOrCreateIdentity(IFileSystem files, string directory, TimeProvider time)
    {
        var names = files.List(directory);
        if (LogIdentity.Read(files, directory) is { } identity)
        {
            if (LogFiles.Segments(names).Count == 0)
            {
                // The first start may have failed at the flush that makes log.json durable: it is written again while nothing depends on it.
                identity.Write(files, directory);
            }

            return identity;
        }

        // log.json is durable before anything else is made, so no crash leaves this behind: somebody removed it.
        var orphan = names.FirstOrDefault(name => name == LogFiles.Mark || LogFiles.TryParseSegment(name, out _) || LogFiles.TryParseSeal(name, out _));
        if (orphan is not null)
        {
            throw new EventLogException(
                $"{directory}: {orphan} is there without log.json, so it is not known whose it is; restore log.json from a copy. A log in another folder would "
                + "lack these events, and the ledger may not have them yet");
        }

        var created = new LogIdentity(Guid.NewGuid(), LogIdentity.CurrentVersion, time.GetUtcNow());
        created.Write(files, directory);
        return created;
    }
}

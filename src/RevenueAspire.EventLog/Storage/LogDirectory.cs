using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Storage;

/// <summary>Who may write a folder, and whose log it is (rule L1).</summary>
internal static class LogDirectory
{
    /// <summary>Makes the folder when it is missing and takes its lock.</summary>
    /// <exception cref="EventLogException">Another writer holds it, or it cannot be made.</exception>
    public static IDisposable Lock(IFileSystem files, string directory)
    {
        try
        {
            files.CreateDirectory(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the folder cannot be made: {e.Message}", e);
        }

        try
        {
            return files.Lock(Path.Combine(directory, LogFiles.Lock));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new EventLogException($"{directory}: the folder cannot be written: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new EventLogException($"{directory}: another process writes this log; stop it, or set EventLog:Directory to another folder ({e.Message})", e);
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
                $"{directory}: {orphan} is there without log.json, so it is not known whose it is; restore log.json, or move the folder away to start a new log");
        }

        var created = new LogIdentity(Guid.NewGuid(), LogIdentity.CurrentVersion, time.GetUtcNow());
        created.Write(files, directory);
        return created;
    }
}

using RevenueAspire.EventLog;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>A log as its follower has it open. Not thread-safe, except for <see cref="EstimateMark"/>.</summary>
internal sealed class FollowedLog(LogSourceReader opened)
{
    private long _mark;

    /// <summary>The log's bytes; another reader after <see cref="Reopen"/>.</summary>
    public LogSourceReader Reader { get; private set; } = opened;

    /// <summary>Reads the durable mark.</summary>
    /// <exception cref="SourceStoppedException">Another log has the log's place.</exception>
    /// <exception cref="IOException">The mark cannot be read now.</exception>
    public long ReadMark()
    {
        var mark = Reader.ReadEnd();
        Volatile.Write(ref _mark, mark);
        return mark;
    }

    /// <summary>About where the durable mark is, at once. Thread-safe.</summary>
    public long EstimateMark()
    {
        try
        {
            return Reader.EstimateEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException or EventLogException)
        {
            // The follower meets the same error in a moment, and reports it.
            return Volatile.Read(ref _mark);
        }
    }

    /// <summary>Opens the folder again: open files would go on showing its earlier content.</summary>
    /// <exception cref="SourceStoppedException">Another log has the log's place.</exception>
    public void Reopen()
    {
        LogSourceReader again;
        try
        {
            again = Reader.OpenAgain();
        }
        catch (Exception exception) when (exception is EventLogException or IOException or UnauthorizedAccessException)
        {
            // Still unreadable: the open reader reports it at the next read.
            return;
        }

        if (again.LogId != Reader.LogId)
        {
            again.Dispose();
            throw new SourceStoppedException($"{Reader.Name}: another log stands there now");
        }

        Reader.Dispose();
        Reader = again;
    }

    /// <summary>Closes the reader; nothing may read any more.</summary>
    public void Close() => Reader.Dispose();
}

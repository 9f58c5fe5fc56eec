using RevenueAspire.EventLog;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>The open log of a follower. Not thread-safe, except for <see cref="EstimateMark"/>.</summary>
internal sealed class FollowedLog(LogSourceReader opened)
{
    private long _mark;

    /// <summary>The reader of the log's bytes; <see cref="Reopen"/> replaces it.</summary>
    public LogSourceReader Reader { get; private set; } = opened;

    /// <summary>Reads the durable mark.</summary>
    /// <exception cref="SourceStoppedException">Another log has replaced this one.</exception>
    /// <exception cref="IOException">The mark cannot be read now.</exception>
    public long ReadMark()
    {
        var mark = Reader.ReadEnd();
        Volatile.Write(ref _mark, mark);
        return mark;
    }

    /// <summary>Estimates the durable mark without waiting. Thread-safe.</summary>
    public long EstimateMark()
    {
        try
        {
            return Reader.EstimateEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException or EventLogException)
        {
            // The follower will soon get the same error and report it.
            return Volatile.Read(ref _mark);
        }
    }

    /// <summary>Opens the log again, because open files keep showing the earlier content.</summary>
    /// <exception cref="SourceStoppedException">Another log has replaced this one.</exception>
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
            throw new SourceStoppedException($"{Reader.Name}: another log has replaced this one");
        }

        Reader.Dispose();
        Reader = again;
    }

    /// <summary>Closes the reader. No read may follow.</summary>
    public void Close() => Reader.Dispose();
}

using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.CommandLine;

/// <summary>How long a file takes, and how many of its lines this process has sent, over all runs for it. For one thread.</summary>
internal sealed class SendProgress(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly List<SendRun> _runs = [];
    private long _ended;

    /// <summary>Since the first run began.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    public long AnsweredLines => _ended + _runs.Sum(run => run.AnsweredLines);

    /// <summary>Adds a run; those before it have ended.</summary>
    public void Add(SendRun run)
    {
        _ended = AnsweredLines;
        _runs.Clear();
        _runs.Add(run);
    }
}

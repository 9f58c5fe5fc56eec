using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.CommandLine;

/// <summary>Counts the time and the lines that this process spends on a file, over all of the file's runs. For one thread.</summary>
internal sealed class SendProgress(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly List<SendRun> _runs = [];
    private long _ended;

    /// <summary>Time since the first run began.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    public long AnsweredLines => _ended + _runs.Sum(run => run.AnsweredLines);

    /// <summary>Adds a run. All earlier runs must have ended.</summary>
    public void Add(SendRun run)
    {
        _ended = AnsweredLines;
        _runs.Clear();
        _runs.Add(run);
    }
}

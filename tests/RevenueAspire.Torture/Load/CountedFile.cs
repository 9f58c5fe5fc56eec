using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

/// <summary>A file that was counted.</summary>
/// <param name="file">Its content.</param>
internal sealed class CountedFile(EventFile file)
{
    public EventFile File { get; } = file;

    /// <summary>Minimum number of counts: one, plus one per successful <c>--again</c>.</summary>
    public int LeastTimes { get; set; } = 1;

    /// <summary>Largest allowed number of counts: a killed <c>--again</c> may have started one.</summary>
    public int MostTimes { get; set; } = 1;
}

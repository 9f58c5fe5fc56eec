using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

/// <summary>A file that was counted.</summary>
/// <param name="file">What is in it.</param>
internal sealed class CountedFile(EventFile file)
{
    public EventFile File { get; } = file;

    /// <summary>How often it is counted at least: once, and once more for each <c>--again</c> that was seen to be done.</summary>
    public int LeastTimes { get; set; } = 1;

    /// <summary>How often it is counted at most: an <c>--again</c> that was killed may have begun.</summary>
    public int MostTimes { get; set; } = 1;
}

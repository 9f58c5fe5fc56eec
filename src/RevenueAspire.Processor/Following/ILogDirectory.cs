using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Where logs are found to be followed. Not thread-safe.</summary>
internal interface ILogDirectory
{
    /// <summary>For people: follows the message "Following the logs in ".</summary>
    string Name { get; }

    /// <summary>The logs that can be opened now and have something to follow, the longest first: of two copies of one log that are found together, that is the
    /// one that lives.</summary>
    /// <param name="isFollowed">Whether a log of this name is followed already; its follower then handles errors of opening.</param>
    /// <param name="cancellationToken">Stops.</param>
    Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken);

    /// <summary>Whether this name still leads to the same log.</summary>
    bool IsStillThere(string name, Guid logId);

    /// <summary>Whether nothing comes to this log any more, and the ledger has all of it, as of the last <see cref="OpenAsync"/>.</summary>
    bool IsFinished(Guid logId);

    /// <summary>Runs while logs are followed.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

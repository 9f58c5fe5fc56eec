namespace RevenueAspire.Api.Live;

/// <summary>The stream's message of each second.</summary>
internal sealed record LiveSnapshot(
    long At, string State, string? TotalRevenue = null, long? Events = null, double? EventsPerSecond = null, long? RejectedLines = null, long? LagBytes = null,
    int? ProcessorsAtWork = null, IReadOnlyList<LiveReject>? LatestRejects = null, LiveTopUsers? TopUsers = null, bool? History = null)
{
    public const string Current = "current";

    public const string DatabaseAway = "databaseAway";
}

/// <summary>A line that is no event.</summary>
internal sealed record LiveReject(string? Source, long? Line, long Offset, string Reason, string Beginning, long At);

/// <summary>The users with the highest revenue at the time of the last scan.</summary>
internal sealed record LiveTopUsers(long At, IReadOnlyList<LiveUser> Users);

/// <summary>A user's revenue.</summary>
internal sealed record LiveUser(string UserId, string Revenue);

/// <summary>The figures of the last minutes, as columns: the stream's first message.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC, ascending.</param>
/// <param name="TotalRevenue">Decimal digits.</param>
/// <param name="EventsPerSecond">Since the previous point.</param>
/// <param name="LagBytes">As in a snapshot.</param>
internal sealed record LiveHistory(
    IReadOnlyList<long> At, IReadOnlyList<string> TotalRevenue, IReadOnlyList<double> EventsPerSecond, IReadOnlyList<long> LagBytes);

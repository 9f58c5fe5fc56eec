namespace RevenueAspire.Api.Live;

/// <summary>What the stream says once a second.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
/// <param name="State"><c>current</c>; <c>databaseAway</c>: the figures are those of the last time that it answered, or absent.</param>
/// <param name="TotalRevenue">Sum over all users, as decimal digits: it may be longer than any number type.</param>
/// <param name="Events">Events in the ledger.</param>
/// <param name="EventsPerSecond">Events that came into the ledger since the snapshot before, a second.</param>
/// <param name="RejectedLines">Lines that were no events.</param>
/// <param name="LagBytes">Durable bytes that are not in the ledger yet: of this API's log, or of all logs where they are kept in Postgres.</param>
/// <param name="ProcessorsAtWork">Processors that hold a lease now.</param>
/// <param name="LatestRejects">Newest first.</param>
/// <param name="TopUsers">Absent until a first scan has ended.</param>
/// <param name="History">Whether the ledger keeps a history; absent while unknown.</param>
internal sealed record LiveSnapshot(
    long At, string State, string? TotalRevenue = null, long? Events = null, double? EventsPerSecond = null, long? RejectedLines = null, long? LagBytes = null,
    int? ProcessorsAtWork = null, IReadOnlyList<LiveReject>? LatestRejects = null, LiveTopUsers? TopUsers = null, bool? History = null)
{
    public const string Current = "current";

    public const string DatabaseAway = "databaseAway";
}

/// <summary>A line that was no event.</summary>
/// <param name="Source">Name of its file or log, without the folder.</param>
/// <param name="Line">Line number from 1; absent while its range is under way.</param>
/// <param name="Offset">Byte offset in the source.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's beginning.</param>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
internal sealed record LiveReject(string? Source, long? Line, long Offset, string Reason, string Beginning, long At);

/// <summary>The users with the highest revenue, as of a moment: they are looked for seldom.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
/// <param name="Users">Highest first.</param>
internal sealed record LiveTopUsers(long At, IReadOnlyList<LiveUser> Users);

/// <summary>A user's revenue.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Revenue">Decimal digits.</param>
internal sealed record LiveUser(string UserId, string Revenue);

/// <summary>The course of the last minutes, as columns: what the stream begins with.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC, ascending.</param>
/// <param name="TotalRevenue">Decimal digits.</param>
/// <param name="EventsPerSecond">Since the point before.</param>
/// <param name="LagBytes">As in a snapshot.</param>
internal sealed record LiveHistory(
    IReadOnlyList<long> At, IReadOnlyList<string> TotalRevenue, IReadOnlyList<double> EventsPerSecond, IReadOnlyList<long> LagBytes);

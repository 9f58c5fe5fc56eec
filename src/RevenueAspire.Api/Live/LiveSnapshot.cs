namespace RevenueAspire.Api.Live;

/// <summary>The stream's message of each second.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
/// <param name="State"><c>current</c>; <c>databaseAway</c>: the database is unavailable; the figures are the last known ones, or absent.</param>
/// <param name="TotalRevenue">Sum over all users, as decimal digits: it may be longer than any number type.</param>
/// <param name="Events">Events in the ledger.</param>
/// <param name="EventsPerSecond">Rate of events applied since the previous snapshot.</param>
/// <param name="RejectedLines">Lines that are not events.</param>
/// <param name="LagBytes">Durable bytes that are not in the ledger yet, of this API's log. With logs in Postgres: of all logs.</param>
/// <param name="ProcessorsAtWork">Processors that hold a lease now.</param>
/// <param name="LatestRejects">Newest first.</param>
/// <param name="TopUsers">Absent until the first scan has ended.</param>
/// <param name="History">Whether the ledger keeps a history; absent while unknown.</param>
internal sealed record LiveSnapshot(
    long At, string State, string? TotalRevenue = null, long? Events = null, double? EventsPerSecond = null, long? RejectedLines = null, long? LagBytes = null,
    int? ProcessorsAtWork = null, IReadOnlyList<LiveReject>? LatestRejects = null, LiveTopUsers? TopUsers = null, bool? History = null)
{
    public const string Current = "current";

    public const string DatabaseAway = "databaseAway";
}

/// <summary>A line that is no event.</summary>
/// <param name="Source">Name of its file or log, without the folder.</param>
/// <param name="Line">Line number from 1; absent until its range is closed.</param>
/// <param name="Offset">Byte offset in the source.</param>
/// <param name="Reason">One sentence.</param>
/// <param name="Beginning">The first bytes of the line.</param>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
internal sealed record LiveReject(string? Source, long? Line, long Offset, string Reason, string Beginning, long At);

/// <summary>The users with the highest revenue at the time of the last scan.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
/// <param name="Users">Highest first.</param>
internal sealed record LiveTopUsers(long At, IReadOnlyList<LiveUser> Users);

/// <summary>A user's revenue.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Revenue">Decimal digits.</param>
internal sealed record LiveUser(string UserId, string Revenue);

/// <summary>The figures of the last minutes, as columns: the stream's first message.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC, ascending.</param>
/// <param name="TotalRevenue">Decimal digits.</param>
/// <param name="EventsPerSecond">Since the previous point.</param>
/// <param name="LagBytes">As in a snapshot.</param>
internal sealed record LiveHistory(
    IReadOnlyList<long> At, IReadOnlyList<string> TotalRevenue, IReadOnlyList<double> EventsPerSecond, IReadOnlyList<long> LagBytes);

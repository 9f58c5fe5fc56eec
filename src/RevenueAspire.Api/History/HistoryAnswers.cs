using System.Text.Json.Serialization;
using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.History;

/// <summary>A part of a user's history. If it has no gap, the balance of the newest item is <c>opening</c> plus the revenue of all items.</summary>
/// <param name="UserId">The user of the request.</param>
/// <param name="Revenue">The user's balance now, an integer of any length.</param>
/// <param name="Items">In the order of application, newest first.</param>
/// <param name="Opening">The balance before the last (oldest) item, an integer of any length.</param>
/// <param name="RetainedFrom">Start of the retained history; null when nothing was removed.</param>
/// <param name="Next">The value of <c>after</c> for the next part; null at the end.</param>
internal sealed record UserHistoryAnswer(
    string UserId, [property: JsonConverter(typeof(DigitsConverter))] string Revenue, IReadOnlyList<HistoryItemAnswer> Items,
    [property: JsonConverter(typeof(DigitsConverter))] string Opening,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? RetainedFrom,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Next);

/// <summary>An applied event.</summary>
/// <param name="Time">Server time; null for an event of a file.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value as sent.</param>
/// <param name="Balance">The balance after it, an integer of any length.</param>
/// <param name="Receipt">Its receipt; null for an event of a file.</param>
internal sealed record HistoryItemAnswer(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Time, string Name, long Value,
    [property: JsonConverter(typeof(DigitsConverter))] string Balance,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Receipt);

/// <summary>Revenue per step of time.</summary>
/// <param name="Step"><c>hour</c>, <c>day</c> or <c>month</c>.</param>
/// <param name="Items">Each step from <c>from</c> to <c>to</c>, ascending; a step without events has revenue 0.</param>
internal sealed record RevenueStepsAnswer(string Step, IReadOnlyList<RevenueStepAnswer> Items);

/// <summary>Revenue of a step.</summary>
/// <param name="From">Start of the step.</param>
/// <param name="Revenue">Sum of its events, an integer of any length.</param>
internal sealed record RevenueStepAnswer(string From, [property: JsonConverter(typeof(DigitsConverter))] string Revenue);

using System.Text.Json.Serialization;
using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.History;

/// <summary>A part of a user's history. If it has no gap, the balance of the newest item is <c>opening</c> plus the revenue of all items.</summary>
internal sealed record UserHistoryAnswer(
    string UserId, [property: JsonConverter(typeof(DigitsConverter))] string Revenue, IReadOnlyList<HistoryItemAnswer> Items,
    [property: JsonConverter(typeof(DigitsConverter))] string Opening,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? RetainedFrom,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Next);

/// <summary>An applied event.</summary>
internal sealed record HistoryItemAnswer(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Time, string Name, long Value,
    [property: JsonConverter(typeof(DigitsConverter))] string Balance,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Receipt);

/// <summary>Revenue per step of time.</summary>
internal sealed record RevenueStepsAnswer(string Step, IReadOnlyList<RevenueStepAnswer> Items);

/// <summary>Revenue of a step.</summary>
internal sealed record RevenueStepAnswer(string From, [property: JsonConverter(typeof(DigitsConverter))] string Revenue);

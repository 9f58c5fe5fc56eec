using System.Globalization;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary>Reads the query parameters of the history. Each method returns the problem to answer, or null.</summary>
internal static class HistoryParameters
{
    public const string From = "from";
    public const string To = "to";
    public const string After = "after";
    public const int MaxLimit = 1000;
    public const int DefaultLimit = 100;

    private const int MaxSteps = 1000;

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    public static Problem? ReadTimes(HttpContext context, out DateTime? from, out DateTime? to)
    {
        to = null;
        return ReadTime(context, From, out from) ?? ReadTime(context, To, out to)
            ?? (from >= to ? Bad(From, $"must be before {To}.") : null);
    }

    public static Problem? ReadLimit(HttpContext context, out int? limit) => Read(
        context, "limit", plusIsSpace: true, $"as a whole number from 1 to {MaxLimit}.",
        text => RawTarget.ReadNumber(text, MaxLimit), out limit);

    public static Problem? ReadAfter(HttpContext context, out HistoryCursor? after) => Read(
        context, After, plusIsSpace: true, "as the value of next in an earlier answer.",
        text => HistoryCursor.TryParse(text, out var cursor) ? cursor : null, out after);

    /// <summary>Reads <c>from</c>, <c>to</c> and <c>step</c>; all are required.</summary>
    /// <param name="starts">The start of each step (UTC), ascending, and the end of the last one.</param>
    public static Problem? ReadSteps(HttpContext context, out HistoryStep step, out List<DateTime> starts)
    {
        const string Rule = "as hour, day or month.";
        DateTime? from = null, to = null;
        var problem = Read(
            context, "step", plusIsSpace: true, Rule,
            text => text switch { "hour" => HistoryStep.Hour, "day" => HistoryStep.Day, "month" => HistoryStep.Month, _ => (HistoryStep?)null },
            out var named)
            ?? (named is null ? Bad("step", "must be given once, " + Rule) : null) ?? ReadTimes(context, out from, out to);
        (step, starts) = (named.GetValueOrDefault(), []);
        if (problem is not null)
        {
            return problem;
        }

        if (!IsStart(from, step) || !IsStart(to, step))
        {
            var start = step switch { HistoryStep.Hour => "an hour", HistoryStep.Day => "a day", _ => "a month" };
            return Bad(from is null || (to is not null && !IsStart(from, step)) ? From : To, $"must be given, as the start of {start} (UTC).");
        }

        var next = from!.Value;
        for (; next < to && starts.Count <= MaxSteps; next = Next(next, step))
        {
            starts.Add(next);
        }

        starts.Add(next);
        return starts.Count > MaxSteps + 1 ? Bad(To, $"must be at most {MaxSteps} steps after {From}.") : null;
    }

    // A query decodes + as a space, but a time contains no space. So restore the plus sign: +01:00 works unescaped.
    private static Problem? ReadTime(HttpContext context, string name, out DateTime? time) => Read(
        context, name, plusIsSpace: false, "as a time of RFC 3339, for example 2026-11-30T14:00:00Z.",
        text => DateTimeOffset.TryParseExact(
            text.ToUpperInvariant(), Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed) ? parsed.UtcDateTime : null,
        out time);

    /// <summary>Reads a parameter that may be absent.</summary>
    private static Problem? Read<T>(HttpContext context, string name, bool plusIsSpace, string rule, Func<string, T?> parse, out T? value) where T : struct
    {
        var given = RawTarget.FindParameters(context, name);
        value = given is [var encoded] && RawTarget.TryDecode(encoded, plusIsSpace, out var text) ? parse(text) : null;
        return value is not null || given.Count == 0 ? null : Bad(name, "must be given once, " + rule);
    }

    private static bool IsStart(DateTime? time, HistoryStep step) => step switch
    {
        HistoryStep.Hour => time?.Ticks % TimeSpan.TicksPerHour == 0,
        HistoryStep.Day => time?.TimeOfDay == TimeSpan.Zero,
        _ => time is { Day: 1 } first && first.TimeOfDay == TimeSpan.Zero,
    };

    private static DateTime Next(DateTime start, HistoryStep step) =>
        step switch { HistoryStep.Hour => start.AddHours(1), HistoryStep.Day => start.AddDays(1), _ => start.AddMonths(1) };

    private static Problem Bad(string name, string text) => Problem.Of(StatusCodes.Status400BadRequest, $"{name}: {text}", name);
}

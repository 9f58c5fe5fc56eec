using System.Globalization;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary>Reads the query parameters of the history.</summary>
internal static class HistoryParameters
{
    public const string From = "from";
    public const string To = "to";
    public const string Limit = "limit";
    public const string After = "after";
    public const string Step = "step";
    public const int MaxLimit = 1000;
    public const int DefaultLimit = 100;
    public const int MaxSteps = 1000;

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    /// <summary>Reads <c>from</c> and <c>to</c>.</summary>
    /// <returns>The problem to answer, or null.</returns>
    public static Problem? ReadTimes(HttpContext context, out DateTime? from, out DateTime? to)
    {
        to = null;
        return ReadTime(context, From, out from) ?? ReadTime(context, To, out to)
            ?? (from >= to ? Bad(From, $"must be before {To}.") : null);
    }

    /// <summary>Reads <c>limit</c>.</summary>
    /// <returns>The problem to answer, or null.</returns>
    public static Problem? ReadLimit(HttpContext context, out int? limit)
    {
        limit = null;
        if (RawTarget.FindParameters(context, Limit) is not { Count: > 0 } given)
        {
            return null;
        }

        if (given is [var text] && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MaxLimit)
        {
            limit = number;
            return null;
        }

        return Bad(Limit, $"must be given once, as a whole number from 1 to {MaxLimit}.");
    }

    /// <summary>Reads <c>after</c>.</summary>
    /// <returns>The problem to answer, or null.</returns>
    public static Problem? ReadAfter(HttpContext context, out HistoryCursor? after)
    {
        after = null;
        if (RawTarget.FindParameters(context, After) is not { Count: > 0 } given)
        {
            return null;
        }

        if (given is [var text] && RawTarget.TryDecode(text, plusIsSpace: true, out var decoded) && HistoryCursor.TryParse(decoded, out var cursor))
        {
            after = cursor;
            return null;
        }

        return Bad(After, "must be given once, as the value of next in an earlier answer.");
    }

    /// <summary>Reads <c>from</c>, <c>to</c> and <c>step</c>; all are required.</summary>
    /// <param name="context">The request.</param>
    /// <param name="step">The step.</param>
    /// <param name="starts">The start of each step (UTC), ascending, and the end of the last one.</param>
    /// <returns>The problem to answer, or null.</returns>
    public static Problem? ReadSteps(HttpContext context, out HistoryStep step, out List<DateTime> starts)
    {
        (step, starts) = (default, []);
        HistoryStep? named = RawTarget.FindParameters(context, Step) switch
        {
            ["hour"] => HistoryStep.Hour,
            ["day"] => HistoryStep.Day,
            ["month"] => HistoryStep.Month,
            _ => null,
        };
        if (named is null)
        {
            return Bad(Step, "must be given once, as hour, day or month.");
        }

        step = named.Value;
        if (ReadTimes(context, out var from, out var to) is { } problem)
        {
            return problem;
        }

        if (from is null || to is null || !IsStart(from.Value, step) || !IsStart(to.Value, step))
        {
            return Bad(from is null || (to is not null && !IsStart(from.Value, step)) ? From : To, $"must be given, as the start of {StartOf(step)} (UTC).");
        }

        var next = from.Value;
        for (; next < to && starts.Count <= MaxSteps; next = Next(next, step))
        {
            starts.Add(next);
        }

        starts.Add(next);
        return starts.Count > MaxSteps + 1 ? Bad(To, $"must be at most {MaxSteps} steps after {From}.") : null;
    }

    private static Problem? ReadTime(HttpContext context, string name, out DateTime? time)
    {
        time = null;
        if (RawTarget.FindParameters(context, name) is not { Count: > 0 } given)
        {
            return null;
        }

        // A query decodes + as a space, but a time contains no space. So restore the plus sign: +01:00 works unescaped.
        if (given is [var encoded] && RawTarget.TryDecode(encoded, plusIsSpace: false, out var text)
            && DateTimeOffset.TryParseExact(
                text.ToUpperInvariant(), Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed))
        {
            time = parsed.UtcDateTime;
            return null;
        }

        return Bad(name, "must be given once, as a time of RFC 3339, for example 2026-11-30T14:00:00Z.");
    }

    private static bool IsStart(DateTime time, HistoryStep step) => step switch
    {
        HistoryStep.Hour => time.Ticks % TimeSpan.TicksPerHour == 0,
        HistoryStep.Day => time.TimeOfDay == TimeSpan.Zero,
        _ => time.TimeOfDay == TimeSpan.Zero && time.Day == 1,
    };

    private static string StartOf(HistoryStep step) => step switch { HistoryStep.Hour => "an hour", HistoryStep.Day => "a day", _ => "a month" };

    private static DateTime Next(DateTime start, HistoryStep step) =>
        step switch { HistoryStep.Hour => start.AddHours(1), HistoryStep.Day => start.AddDays(1), _ => start.AddMonths(1) };

    private static Problem Bad(string name, string text) => Problem.Of(StatusCodes.Status400BadRequest, $"{name}: {text}", name);
}

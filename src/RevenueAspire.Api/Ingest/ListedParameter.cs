using System.Globalization;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Ingest;

/// <summary><c>?listed=N</c>: the maximum number of rejected lines in an answer. To get all of them, pass the batch's number of lines.</summary>
internal static class ListedParameter
{
    public const string Name = "listed";
    public const string Rule = "listed: must be a single whole number from 1 to 100000. Nothing was appended.";
    public const int Default = 100;
    private const int Max = 100_000;

    /// <returns>False if the value is not a number in the range, or occurs more than once.</returns>
    public static bool TryRead(HttpContext context, out int listed)
    {
        listed = Default;
        if (!context.Request.QueryString.HasValue)
        {
            return true;
        }

        return RawTarget.FindParameters(context, Name) switch
        {
            [] => true,
            [var text] => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out listed) && listed is >= 1 and <= Max,
            _ => false,
        };
    }
}

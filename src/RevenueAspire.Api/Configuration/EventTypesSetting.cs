using System.Globalization;
using Microsoft.Extensions.Options;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Configuration;

/// <summary>The section <c>EventTypes</c>: a name with 1 or -1 each. Absent: <see cref="EventTypes.Default"/>. API and processors must be given the same.</summary>
internal static class EventTypesSetting
{
    public const string Section = "EventTypes";

    /// <exception cref="OptionsValidationException">A sign other than 1 and -1, or a name that cannot be one; the message names the entry.</exception>
    public static EventTypes Read(IConfiguration configuration)
    {
        var entries = configuration.GetSection(Section).GetChildren().ToList();
        if (entries.Count == 0)
        {
            return EventTypes.Default;
        }

        var signs = new List<KeyValuePair<string, int>>();
        foreach (var entry in entries)
        {
            if (!int.TryParse(entry.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var sign))
            {
                throw Invalid($"{entry.Path} must be 1 or -1.");
            }

            signs.Add(new(entry.Key, sign));
        }

        try
        {
            return EventTypes.Create(signs);
        }
        catch (ArgumentException exception)
        {
            throw Invalid(exception.Message);
        }
    }

    private static OptionsValidationException Invalid(string failure) => new(Section, typeof(EventTypes), [failure]);
}

using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using RevenueAspire.Events;

namespace RevenueAspire.ServiceDefaults;

/// <summary>The section <c>EventTypes</c>: event names, each with the sign 1 or -1. API and processors need the same section.</summary>
public static class EventTypesSection
{
    public const string Section = "EventTypes";

    /// <summary>Reads the section; without it, returns <see cref="EventTypes.Default"/>.</summary>
    /// <exception cref="OptionsValidationException">An invalid name, or a sign other than 1 and -1. The message names the entry.</exception>
    public static EventTypes ReadEventTypes(this IConfiguration configuration)
    {
        var entries = configuration.GetSection(Section).GetChildren().ToList();
        try
        {
            return entries.Count == 0 ? EventTypes.Default : EventTypes.Create(entries.Select(entry => KeyValuePair.Create(entry.Key, ReadSign(entry))));
        }
        catch (ArgumentException exception)
        {
            throw new OptionsValidationException(Section, typeof(EventTypes), [exception.Message]);
        }
    }

    private static int ReadSign(IConfigurationSection entry) =>
        int.TryParse(entry.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var sign)
            ? sign
            : throw new ArgumentException($"{entry.Path} must be 1 or -1, not '{entry.Value}'.");
}

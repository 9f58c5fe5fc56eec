using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Configuration;

/// <summary>The limit of a caller.</summary>
internal class CallerLimit
{
    protected const int MaxEvents = 1_000_000_000;

    /// <summary>Maximum long-term rate, in events per second; null: no limit.</summary>
    [Range(1, MaxEvents)]
    public int? EventsPerSecond { get; set; }

    /// <summary>Maximum number of events at once after a pause; null: the number allowed per second.</summary>
    [Range(1, MaxEvents)]
    public int? Burst { get; set; }
}

/// <summary>Limits of the events that callers may send (section <c>Limits</c>): the limit of each caller, off by default.</summary>
internal sealed class LimitsOptions : CallerLimit, IValidatableObject
{
    public const string Section = "Limits";

    /// <summary>Limits per caller name. They replace the general limit.</summary>
    public Dictionary<string, CallerLimit> Callers { get; set; } = [];

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Burst is not null && EventsPerSecond is null)
        {
            yield return new ValidationResult($"needs {Section}:{nameof(EventsPerSecond)}.", [nameof(Burst)]);
        }

        var wrong =
            from caller in Callers
            from setting in ((string Name, int? Value)[])
                [(nameof(EventsPerSecond), caller.Value.EventsPerSecond ?? 0), (nameof(Burst), caller.Value.Burst)]
            where setting.Value is < 1 or > MaxEvents
            select new ValidationResult($"must be between 1 and {MaxEvents}.", [$"{nameof(Callers)}:{caller.Key}:{setting.Name}"]);
        foreach (var result in wrong)
        {
            yield return result;
        }
    }
}

/// <summary>Refuses settings that have no effect because a name in them is wrong.</summary>
internal sealed class LimitNames(IConfiguration configuration, IHostEnvironment environment) : IValidateOptions<LimitsOptions>
{
    private static readonly string[] Settings = [nameof(CallerLimit.EventsPerSecond), nameof(CallerLimit.Burst)];

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, LimitsOptions options)
    {
        string[] errors = [.. FindErrors()];
        return errors.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    private IEnumerable<string> FindErrors()
    {
        var section = configuration.GetSection(LimitsOptions.Section);
        var callers = section.GetSection(nameof(LimitsOptions.Callers)).GetChildren().ToArray();
        foreach (var setting in section.GetChildren().Where(setting => !Is(setting, [.. Settings, nameof(LimitsOptions.Callers)]))
            .Concat(callers.SelectMany(caller => caller.GetChildren().Where(setting => !Is(setting, Settings)))))
        {
            yield return $"{setting.Path}: unknown setting.";
        }

        if (TokenSettings.AreConfigured(configuration, environment))
        {
            // The names of token callers are unknown at start.
            yield break;
        }

        var names = IngestOptions.Read(configuration, environment).Secrets.Select(secret => secret.Name);
        foreach (var caller in callers.Where(caller => !names.Contains(caller.Key, StringComparer.OrdinalIgnoreCase)))
        {
            yield return $"{caller.Path}: no secret of {IngestOptions.Section}:{nameof(IngestOptions.Secrets)} has this name.";
        }
    }

    private static bool Is(IConfigurationSection setting, string[] names) => names.Contains(setting.Key, StringComparer.OrdinalIgnoreCase);
}

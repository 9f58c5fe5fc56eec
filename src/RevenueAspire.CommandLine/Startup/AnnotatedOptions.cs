using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace RevenueAspire.CommandLine;

/// <summary>Validates options by their data annotations. An error names the setting as the user writes it: <c>Api:MaxEventBytes: must be ...</c>.
/// Thread-safe.</summary>
/// <remarks>The framework's validation names the class and the property, which the user does not know.</remarks>
/// <param name="section">The configuration section of the options.</param>
public sealed class AnnotatedOptions<TOptions>(string section) : IValidateOptions<TOptions> where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var results = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                from result in results
                from member in result.MemberNames.DefaultIfEmpty("")
                select $"{section}:{member}: {result.ErrorMessage}");
    }
}

/// <summary>Registers options with <see cref="AnnotatedOptions{TOptions}"/>.</summary>
public static class AnnotatedOptionsExtensions
{
    /// <summary>Binds the options to a section; the host validates them at start.</summary>
    public static OptionsBuilder<TOptions> AddAnnotatedOptions<TOptions>(this IServiceCollection services, string section) where TOptions : class =>
        services.AddSingleton<IValidateOptions<TOptions>>(new AnnotatedOptions<TOptions>(section))
            .AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
}

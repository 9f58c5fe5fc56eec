using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RevenueAspire.Api.Configuration;

/// <summary>Checks data annotations, and names the setting as the user writes it: <c>Api:MaxEventBytes</c>.</summary>
internal sealed class AnnotationsValidator<TOptions>(string section) : IValidateOptions<TOptions> where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var results = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true))
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(
            from result in results
            from member in result.MemberNames.DefaultIfEmpty("")
            select $"{section}:{member}: {result.ErrorMessage}");
    }
}

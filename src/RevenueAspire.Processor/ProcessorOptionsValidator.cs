using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RevenueAspire.Processor;

/// <summary>Checks data annotations, and names the setting as the user writes it: <c>Processor:RangeBytes</c>.</summary>
internal sealed class ProcessorOptionsValidator : IValidateOptions<ProcessorOptions>
{
    public ValidateOptionsResult Validate(string? name, ProcessorOptions options)
    {
        var results = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                from result in results
                from member in result.MemberNames.DefaultIfEmpty("")
                select $"{ProcessorOptions.Section}:{member}: {result.ErrorMessage}");
    }
}

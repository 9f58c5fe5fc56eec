using System.CommandLine;

namespace RevenueAspire.Benchmarks;

/// <summary>Creates command-line options.</summary>
internal static class Options
{
    /// <summary>A whole number above 0.</summary>
    public static Option<int> Number(string name, int otherwise, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => otherwise };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && int.TryParse(result.Tokens[0].Value, out var number) && number <= 0)
            {
                result.AddError($"{name} must be above 0.");
            }
        });
        return option;
    }

    public static Option<string?> Text(string name, string description, bool isRequired = false) =>
        new(name) { Description = description, Required = isRequired };
}

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.CommandLine;

/// <summary>Options that several commands share, and their validation.</summary>
internal static class CommonOptions
{
    public static Option<string?> Url()
    {
        var option = new Option<string?>("--url") { Description = "Address of the API. [default: http://localhost:8000]", HelpName = "URL" };
        option.Validators.Add(result => AddError(result, option, ClientOptions.FindUrlProblem));
        return option;
    }

    public static Option<string?> Secret()
    {
        var option = new Option<string?>("--secret")
        {
            Description = "The API's secret. Other users of this machine can see it here, but not in the variable Client__Secret. [default: secret]",
            HelpName = "S",
        };
        option.Validators.Add(result => AddError(result, option, ClientOptions.FindSecretProblem));
        return option;
    }

    public static Option<string?> TokenFile()
    {
        var option = new Option<string?>("--token-file")
        {
            Description = "File with a bearer token, used instead of the secret. It is read again when it changes.",
            HelpName = "FILE",
        };
        option.Validators.Add(result => AddError(result, option, path => Credentials.TokenFile.FindProblem(path) is { } problem ? problem + "." : null));
        return option;
    }

    /// <summary>Rejects a command line with both a secret and a token file.</summary>
    public static void RequireOneCredential(Command command, Option<string?> secret, Option<string?> tokenFile) => command.Validators.Add(result =>
    {
        if (result.GetResult(secret) is not null && result.GetResult(tokenFile) is not null)
        {
            result.AddError("--secret and --token-file exclude each other: give only one.");
        }
    });

    public static Option<int?> Concurrency()
    {
        var option = new Option<int?>("--concurrency") { Description = "Maximum requests in flight. [default: 64]", HelpName = "N" };
        option.Validators.Add(result => AddRangeError(result, option, SendLimits.Concurrency));
        return option;
    }

    /// <summary>Adds an error unless the value is from 1 to <paramref name="max"/>.</summary>
    public static void AddRangeError(OptionResult result, Option<int?> option, int max)
    {
        // Text that is not a number already has an error.
        if (result.Errors.Any() || result.Tokens.Count != 1)
        {
            return;
        }

        if (!int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var value) || value < 1 || value > max)
        {
            result.AddError($"{option.Name} must be a number from 1 to {max}.");
        }
    }

    private static void AddError(OptionResult result, Option<string?> option, Func<string, string?> problem)
    {
        if (problem(result.GetValueOrDefault<string?>() ?? "") is { } text)
        {
            result.AddError($"{option.Name}: {text}");
        }
    }
}

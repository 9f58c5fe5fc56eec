using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>The API's command line, which consists of settings only.</summary>
internal static class ApiCommandLine
{
    public const int WrongUsage = 2;

    private const string Usage = """
        RevenueAspire.Api: accepts revenue events over HTTP into a log, and returns the revenue of each user.

        Usage: dotnet RevenueAspire.Api.dll [--Section:Key=value]...

        Set any setting of appsettings.json as an argument, or in the environment as Section__Key=value. The most common:

          --urls=http://localhost:8000                the address to listen on
          --environment=Development                   allows the secret "secret"; elsewhere Ingest:Secrets must be set
          --Ingest:Secrets=SECRET                     grants sending; several: --Ingest:Secrets:0=A --Ingest:Secrets:1=B
          --Ingest:ReadSecrets=SECRET                 grants reading; without it reads are open
          --Authentication:Schemes:Bearer:Authority=URL and :ValidAudience=NAME
                                                      accepts tokens of that identity server, with or without secrets
          --EventLog:Directory=DIRECTORY              the log; by default the folder events in --Data:Directory
          --ConnectionStrings:revenuedb="Host=..."    the database; the API also accepts events without it
          --Api:ReadAfterTimeout=00:00:05             maximum wait of ?after=

          --help                                      this text

        Exit codes: 0 stopped on request, 1 could not start or failed, 2 wrong usage.
        """;

    /// <summary>Prints the help, or reports wrong usage.</summary>
    /// <returns>The exit code, or null if the API must start.</returns>
    public static int? TryExit(ReadOnlySpan<string> arguments, TextWriter output, TextWriter error)
    {
        if (arguments.ContainsAny(["--help", "-h", "-?", "/?"]))
        {
            output.WriteLine(Usage);
            return 0;
        }

        for (var index = 0; index < arguments.Length; index++)
        {
            var argument = arguments[index];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || argument.Length == 2 || argument[2] == '=')
            {
                error.WriteLine($"'{Printable.Escape(argument)}' is not a setting. Write settings as --Section:Key=value. Try --help.");
                return WrongUsage;
            }

            // .NET's configuration also accepts --Section:Key value.
            if (!argument.Contains('='))
            {
                index++;
                if (index == arguments.Length || arguments[index].StartsWith("--", StringComparison.Ordinal))
                {
                    error.WriteLine($"'{Printable.Escape(argument)}' has no value. Write settings as --Section:Key=value. Try --help.");
                    return WrongUsage;
                }
            }
        }

        return null;
    }
}

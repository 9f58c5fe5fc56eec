using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>The API's arguments: settings, and nothing else.</summary>
internal static class ApiCommandLine
{
    public const int WrongUsage = 2;

    private const string Usage = """
        RevenueAspire.Api: takes revenue events over HTTP and keeps them in a log; reads back what each user has.

        Usage: dotnet RevenueAspire.Api.dll [--Section:Key=value]...

        Every setting of appsettings.json may be given as an argument, or in the environment as Section__Key=value. The most wanted:

          --urls=http://localhost:8000                where to listen
          --environment=Development                   allows the secret "secret"; elsewhere Ingest:Secrets must be set
          --Ingest:Secrets=SECRET                     who may send events; several: --Ingest:Secrets:0=A --Ingest:Secrets:1=B
          --Ingest:ReadSecrets=SECRET                 who may read; without it reads are open
          --Authentication:Schemes:Bearer:Authority=URL and :ValidAudience=NAME
                                                      accepts tokens of that identity server, beside secrets or instead
          --EventLog:Directory=DIRECTORY              the log; by default events below --Data:Directory
          --ConnectionStrings:revenuedb="Host=..."    the database; events are accepted without it
          --Api:ReadAfterTimeout=00:00:05             how long ?after= waits

          --help                                      this text

        Exit codes: 0 stopped as asked, 1 could not start or failed, 2 wrong usage.
        """;

    /// <summary>Answers help and wrong usage.</summary>
    /// <returns>The exit code, or null when the API is to start.</returns>
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
                error.WriteLine($"'{Printable.Escape(argument)}' is not a setting: settings are written --Section:Key=value. Try --help.");
                return WrongUsage;
            }

            // Also --Section:Key value, as .NET's own configuration takes it.
            if (!argument.Contains('='))
            {
                index++;
                if (index == arguments.Length || arguments[index].StartsWith("--", StringComparison.Ordinal))
                {
                    error.WriteLine($"'{Printable.Escape(argument)}' has no value: settings are written --Section:Key=value. Try --help.");
                    return WrongUsage;
                }
            }
        }

        return null;
    }
}

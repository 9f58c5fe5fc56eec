using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The API compared with a bare Kestrel endpoint: both processes alternate; prints medians of several runs, and their ratio.</summary>
/// <remarks>
/// Needs wrk, and all projects built in Release: <c>dotnet build -c Release</c>, then <c>dotnet run -c Release --project
/// tests/RevenueAspire.Benchmarks -- ingest</c>.
/// </remarks>
internal static class IngestComparison
{
    private static readonly string[] Parts = ["single", "batch", "latency", "allocations", "client", "limits", "tokens", "node", "all"];

    /// <summary>The subcommand <c>ingest</c>.</summary>
    public static Command Command()
    {
        var parts = new Argument<string[]>("part")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = """
                single: POST /liveEvent with wrk, compared with bare Kestrel;
                batch: 100 MB by POST /liveEvents in bodies of 4 MB over 2 connections, compared with a Kestrel endpoint that drops them;
                latency: 99th percentile of single events at about half the API's maximum load;
                allocations: managed bytes per single event, compared with bare Kestrel;
                client: RevenueAspire.Client send of 100 MB, in batches of 1000 and as single events, compared with wrk; batches also with a core for the
                API and one for the sender;
                limits: single events of one caller while another caller far exceeds its limit;
                tokens: single events with a token, compared with a secret;
                node: a small Node server that appends without fsync, compared with bare Kestrel;
                all: all of these, the default
                """,
        };
        parts.AcceptOnlyFromAmong(Parts);
        var runs = Options.Number("--runs", 5, "Runs per side, alternating.");
        var seconds = Options.Number("--seconds", 6, "Duration of a wrk run, in seconds.");
        var connections = new Option<int[]>("--connections")
        {
            Description = "Numbers of wrk connections, separated by commas.",
            CustomParser = ReadNumbers,
            DefaultValueFactory = _ => [256, 64],
        };
        var rival = new Option<FileInfo>("--rival") { Description = "Another build of the API, alternating with this one and bare Kestrel (single)." };
        rival.AcceptExistingOnly();
        var engines = Options.Text("--engines", "A Postgres server: the log in it compared with the log in files, single events and batches.");
        var command = new Command("ingest", "Compares the API with a bare Kestrel endpoint. --quick only checks that it runs, without figures.")
        {
            parts, runs, seconds, connections, rival, engines,
        };
        command.SetAction(parsed => RunAsync(parsed.GetValue(parts) ?? [], new Settings(
            Amounts.Runs(parsed.GetValue(runs)),
            Amounts.Seconds(parsed.GetValue(seconds)),
            Amounts.Quick ? [Amounts.Connections(64)] : parsed.GetValue(connections)!,
            parsed.GetValue(engines),
            parsed.GetValue(rival)?.FullName)));
        return command;
    }

    private static async Task<int> RunAsync(string[] parts, Settings settings)
    {
        bool Wanted(string part) => parts.Length == 0 ? settings.Server is null : parts.Contains("all") || parts.Contains(part);
        await using var bare = await MeasuredServer.StartBareAsync();
        await using var api = await MeasuredServer.StartApiAsync(bare.Url);
        if (Wanted("single"))
        {
            await using var rival = settings.Rival is { } program ? await MeasuredServer.StartApiAsync(program, bare.Url, []) : null;
            await SingleEvents.CompareAsync(api.Url, bare.Url, rival?.Url, settings);
        }

        if (Wanted("latency"))
        {
            await SingleEvents.MeasureLatencyAsync(api.Url, settings);
        }

        if (Wanted("allocations"))
        {
            await Allocations.CompareAsync(api, bare, settings);
        }

        if (Wanted("batch"))
        {
            await Batches.CompareAsync(api.Url, bare.Url, settings);
        }

        if (Wanted("client"))
        {
            await ClientRuns.CompareAsync(api, settings);
        }

        if (Wanted("limits"))
        {
            await Limits.CompareAsync(bare.Url, settings);
        }

        if (Wanted("tokens"))
        {
            await Tokens.CompareAsync(bare.Url, settings);
        }

        if (Wanted("node"))
        {
            await SingleEvents.CompareNodeAsync(bare.Url, settings);
        }

        if (settings.Server is { } server)
        {
            await Engines.CompareAsync(bare.Url, api.Url, server, settings);
        }

        return 0;
    }

    private static int[] ReadNumbers(ArgumentResult result)
    {
        int[] numbers = [.. result.Tokens[0].Value.Split(',').Select(text => int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : 0)];
        if (numbers.Any(number => number <= 0))
        {
            result.AddError("--connections must be numbers above 0, separated by commas.");
        }

        return numbers;
    }

    /// <summary>Size of the measurement.</summary>
    /// <param name="Runs">Runs per side, alternating.</param>
    /// <param name="Seconds">Duration of a wrk run, in seconds.</param>
    /// <param name="Connections">Numbers of wrk connections.</param>
    /// <param name="Server">Connection string of a Postgres server for the log in Postgres, or null.</param>
    /// <param name="Rival">Assembly of another build of the API, or null.</param>
    internal sealed record Settings(int Runs, int Seconds, IReadOnlyList<int> Connections, string? Server, string? Rival);
}

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The API beside a bare Kestrel endpoint: both processes in turn, several runs, medians and their ratio.</summary>
/// <remarks>
/// Needs wrk, and all projects built in Release: <c>dotnet build -c Release</c>, then <c>dotnet run -c Release --project
/// tests/RevenueAspire.Benchmarks -- ingest</c>.
/// </remarks>
internal static class IngestComparison
{
    private static readonly string[] Parts = ["single", "batch", "latency", "allocations", "client", "limits", "tokens", "node", "all"];

    /// <summary>The command line.</summary>
    public static Command Command()
    {
        var parts = new Argument<string[]>("part")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = """
                single: POST /liveEvent with wrk, the API beside bare Kestrel;
                batch: 100 MB by POST /liveEvents in bodies of 4 MB over 2 connections, beside a Kestrel endpoint that reads and drops them;
                latency: 99th percentile of single events at about half the load that the API takes;
                allocations: managed bytes a single event allocates, beside bare Kestrel;
                client: RevenueAspire.Client send of 100 MB, in batches of 1000 and as single events, beside what wrk gets; batches also with a core for the
                API and one for the sender;
                limits: single events of one caller beside another one that sends far more than its limit;
                tokens: single events with a token beside the same with a secret;
                node: a small Node server that appends without fsync, beside bare Kestrel;
                all: all of them, as without any
                """,
        };
        parts.AcceptOnlyFromAmong(Parts);
        var runs = Options.Number("--runs", 5, "Runs of each side, in turn.");
        var seconds = Options.Number("--seconds", 6, "Length of a run of wrk.");
        var connections = new Option<int[]>("--connections")
        {
            Description = "Connections of wrk, separated by commas.",
            CustomParser = ReadNumbers,
            DefaultValueFactory = _ => [256, 64],
        };
        var rival = new Option<FileInfo>("--rival") { Description = "Another build of the API, measured in turn with this one and bare Kestrel (single)." };
        rival.AcceptExistingOnly();
        var engines = Options.Text("--engines", "A Postgres server: the log in it beside the log in files, with single events and batches of 1000.");
        var command = new Command("ingest", "The API beside a bare Kestrel endpoint. --quick shows that a measurement runs, and measures nothing.")
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

    /// <summary>How much is measured.</summary>
    /// <param name="Runs">Runs of each side, in turn.</param>
    /// <param name="Seconds">Length of a run of wrk.</param>
    /// <param name="Connections">Connections of wrk.</param>
    /// <param name="Server">Connection string of a Postgres server for the log in Postgres, or null.</param>
    /// <param name="Rival">Assembly of another build of the API, or null.</param>
    internal sealed record Settings(int Runs, int Seconds, IReadOnlyList<int> Connections, string? Server, string? Rival);
}

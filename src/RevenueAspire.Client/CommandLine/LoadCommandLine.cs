using System.CommandLine;
using System.Globalization;
using RevenueAspire.Client.Load;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The arguments of <c>load</c>; null for each option that is not given.</summary>
internal sealed record LoadArguments(string? Url, string? Secret, int? Concurrency, bool Json)
{
    public string? TokenFile { get; init; }

    public int Users { get; init; } = 1000;

    /// <summary>Events per second.</summary>
    public int Rate { get; init; } = 100;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Events per request; 0 sends single events.</summary>
    public int Batch { get; init; }

    public UserSkew Skew { get; init; }

    public int? Seed { get; init; }
}

internal static class LoadCommandLine
{
    public const string Help =
        """
        Examples:
          RevenueAspire.Client load --rate 500 --duration 30s
          RevenueAspire.Client load --users 1000000 --skew zipf --rate 20000 --batch 100 --duration 2m --json

        Requests start at the given rate, no matter whether earlier ones were answered (an open loop). Latency counts from the moment a request is due,
        so a stall of the API shows in every request that was due during it. A request still unsent 10 s after the end counts with its waiting time.
        Nothing is retried. A load uses no idempotency keys, so it cannot push the keys of other clients out of the API's window.
        The events are real: afterwards the ledger contains the revenue of users load-1 to load-N. The seed and the options determine the events.

        Exit codes:
          0  every event is accepted
          1  some events were not accepted, or the API does not answer; the output has the counts, stderr has the reason
          2  wrong usage

        """;

    private const int MaxRate = 1_000_000;
    private const int MaxUsers = 1_000_000_000;
    private static readonly TimeSpan MaxDuration = TimeSpan.FromDays(1);

    public static Command Build(Func<LoadArguments, Task<int>> load)
    {
        var (url, secret, concurrency, json) = (CommonOptions.Url(), CommonOptions.Secret(), CommonOptions.Concurrency(), ProgramCommandLine.JsonOption());
        var tokenFile = CommonOptions.TokenFile();
        var users = Number("--users", "Number of users that the events belong to. [default: 1000]", MaxUsers);
        var rate = Number("--rate", "Events per second. [default: 100]", MaxRate);
        var duration = new Option<string?>("--duration") { Description = "How long: 30, 30s, 5m or 1h. [default: 10s]", HelpName = "T" };
        var batch = Number("--batch", "Events per request. Without it, each event is sent as a separate request.", SendLimits.BatchLines);
        var skew = new Option<string?>("--skew")
        {
            Description = "Distribution of events over users: all equal, or the n-th user gets 1/n of the first. [default: uniform]",
            HelpName = "uniform|zipf",
        };
        skew.AcceptOnlyFromAmong("uniform", "zipf");
        var seed = new Option<int?>("--seed") { Description = "Repeats the events of an earlier run. [default: random, printed]", HelpName = "N" };
        duration.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ParseDuration(result.Tokens[0].Value) is null)
            {
                result.AddError("--duration must be a time such as 30, 30s, 5m or 1h, at most one day.");
            }
        });

        var command = new Command("load", "Sends generated events at a fixed rate and measures their latency.")
        {
            users, rate, duration, concurrency, batch, skew, seed, url, secret, tokenFile, json,
        };
        CommonOptions.RequireOneCredential(command, secret, tokenFile);
        command.SetAction(parsed => load(new LoadArguments(parsed.GetValue(url), parsed.GetValue(secret), parsed.GetValue(concurrency), parsed.GetValue(json))
        {
            TokenFile = parsed.GetValue(tokenFile),
            Users = parsed.GetValue(users) ?? 1000,
            Rate = parsed.GetValue(rate) ?? 100,
            Duration = ParseDuration(parsed.GetValue(duration) ?? "10s")!.Value,
            Batch = parsed.GetValue(batch) ?? 0,
            Skew = parsed.GetValue(skew) == "zipf" ? UserSkew.Zipf : UserSkew.Uniform,
            Seed = parsed.GetValue(seed),
        }));
        return command;
    }

    private static Option<int?> Number(string name, string description, int max)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.Validators.Add(result => CommonOptions.AddRangeError(result, option, max));
        return option;
    }

    private static TimeSpan? ParseDuration(string text)
    {
        var (digits, unit) = text switch
        {
            [.., 's'] => (text[..^1], 1),
            [.., 'm'] => (text[..^1], 60),
            [.., 'h'] => (text[..^1], 3600),
            _ => (text, 1),
        };
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number * unit is > 0 and var seconds
            && seconds <= MaxDuration.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : null;
    }
}

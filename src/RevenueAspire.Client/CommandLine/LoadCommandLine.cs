using System.CommandLine;
using System.Globalization;
using RevenueAspire.Client.Load;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>What the user asked <c>load</c> to do; null where an option is not given.</summary>
internal sealed record LoadArguments(string? Url, string? Secret, int? Concurrency, bool Json)
{
    public int Users { get; init; } = 1000;

    /// <summary>Events a second.</summary>
    public int Rate { get; init; } = 100;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Events a request; 0 for single ones.</summary>
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

        Requests begin when the rate says so, whatever became of those before (an open loop), and latency counts from that moment: a stall of the API is seen by
        every request that was due meanwhile. Those that are still not sent 10 s after the end count with the time that they have waited.
        Nothing is repeated, and no idempotency keys are used, so that a load leaves the keys of others alone.
        It counts: users load-1 to load-N have the money in the ledger afterwards. The seed and the options decide which events they are.

        Exit codes:
          0  every event is accepted
          1  not all are, or the API does not answer: the numbers say which, stderr says why
          2  wrong usage

        """;

    private const int MaxRate = 1_000_000;
    private const int MaxUsers = 1_000_000_000;
    private static readonly TimeSpan MaxDuration = TimeSpan.FromDays(1);

    public static Command Build(Func<LoadArguments, Task<int>> load)
    {
        var (url, secret, concurrency, json) = (CommonOptions.Url(), CommonOptions.Secret(), CommonOptions.Concurrency(), ProgramCommandLine.JsonOption());
        var users = Number("--users", "Users that the events are for. [default: 1000]", MaxUsers);
        var rate = Number("--rate", "Events a second. [default: 100]", MaxRate);
        var duration = new Option<string?>("--duration") { Description = "How long: 30, 30s, 5m or 1h. [default: 10s]", HelpName = "T" };
        var batch = Number("--batch", "Events a request. Without it each event is a request of its own.", SendLimits.BatchLines);
        var skew = new Option<string?>("--skew")
        {
            Description = "How the events spread over users: all alike, or the n-th user 1/n of the first. [default: uniform]",
            HelpName = "uniform|zipf",
        };
        skew.AcceptOnlyFromAmong("uniform", "zipf");
        var seed = new Option<int?>("--seed") { Description = "Makes the events of another run again. [default: random, printed]", HelpName = "N" };
        duration.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ParseDuration(result.Tokens[0].Value) is null)
            {
                result.AddError("--duration must be a time like 30, 30s, 5m or 1h, up to a day.");
            }
        });

        var command = new Command("load", "Sends made-up events at a fixed rate and measures how long they take.")
        {
            users, rate, duration, concurrency, batch, skew, seed, url, secret, json,
        };
        command.SetAction(parsed => load(new LoadArguments(parsed.GetValue(url), parsed.GetValue(secret), parsed.GetValue(concurrency), parsed.GetValue(json))
        {
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

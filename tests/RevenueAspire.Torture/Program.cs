using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using RevenueAspire.Testing;
using RevenueAspire.Torture;
using RevenueAspire.Torture.Faults;
using RevenueAspire.Torture.Fuzz;
using RevenueAspire.Torture.Report;
using RevenueAspire.Torture.Soak;

// dotnet run -c Release --project tests/RevenueAspire.Torture -- --help, or -- fuzz --help, or -- soak --help
var minutes = new Option<double>("--minutes")
{
    Description = "How long faults are injected; the checks at the end come on top.",
    DefaultValueFactory = _ => 5,
};
var seed = new Option<int?>("--seed") { Description = "Replays the choices of an earlier run. [default: random, printed]" };
var faults = new Option<string>("--faults")
{
    Description = $"Kinds of faults, separated by commas: {string.Join(",", FaultKinds.All)}; {FaultKinds.Pooler}, which puts PgBouncer between the "
        + $"services and Postgres; with --engine postgres also {string.Join(",", FaultKinds.Replicated)}; none for load alone. [default: those first named]",
    DefaultValueFactory = _ => string.Join(',', FaultKinds.All),
};
var engine = new Option<LogEngine>("--engine")
{
    Description = "Where the log is: in files, with one process of the API; or in Postgres, with two.",
    DefaultValueFactory = _ => LogEngine.Files,
};
var retention = new Option<Switch?>("--retention")
{
    Description = "Log in files: remove what the ledger has, and remember few keys. [default: the seed decides]",
};
var keep = new Option<bool>("--keep") { Description = "Keep the folder with data and outputs also when nothing was found." };
minutes.Validators.Add(result =>
{
    // What is no number at all is told by the parser itself.
    if (result.Tokens is [{ Value: var text }] && double.TryParse(text, CultureInfo.InvariantCulture, out var value) && value is not (> 0 and <= 24 * 60))
    {
        result.AddError("--minutes must be more than 0 and at most 1440.");
    }
});
faults.Validators.Add(result =>
{
    if (FaultKinds.Parse(result.GetValue(faults) ?? "") is not { } kinds)
    {
        result.AddError($"--faults must be of {string.Join(",", FaultKinds.Known)}, or none.");
    }
    else if (kinds.Contains(FaultKinds.Pooler) && PgBouncer.Find() is null)
    {
        result.AddError($"--faults {FaultKinds.Pooler} needs PgBouncer (apt-get install pgbouncer).");
    }
    else if (FaultKinds.NeedStandbys(kinds)
        && (result.GetValue(engine) != LogEngine.Postgres || kinds.Except([.. FaultKinds.Replicated, FaultKinds.Kill]).Any()))
    {
        result.AddError($"--faults {string.Join(",", FaultKinds.Replicated)} need --engine postgres, and go with {FaultKinds.Kill} only.");
    }
});

var root = new RootCommand(
    "Tortures a built system with real processes and faults from a seed, and checks that each acknowledged event counts once.\n"
    + "Exit code 0: no promise was broken; 1: one was, or the run itself failed; 2: wrong usage.")
{
    minutes, seed, faults, engine, retention, keep,
};
root.SetAction((parsed, cancellationToken) => TortureRun.RunAsync(
    new TortureSettings(
        TimeSpan.FromMinutes(parsed.GetValue(minutes)),
        parsed.GetValue(seed) ?? Random.Shared.Next(),
        FaultKinds.Parse(parsed.GetValue(faults)!)!,
        parsed.GetValue(engine),
        parsed.GetValue(retention) is { } on ? on == Switch.On : null,
        parsed.GetValue(keep)),
    cancellationToken));
var fuzz = new Command("fuzz", "Sends mutated bodies to a real process of the API, and compares answers and log with an independent reading of them.")
{
    minutes, seed,
};
fuzz.SetAction((parsed, cancellationToken) =>
    FuzzRun.RunAsync(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed) ?? Random.Shared.Next(), cancellationToken));
root.Subcommands.Add(fuzz);
var rate = new Option<int>("--rate")
{
    Description = "Events a second: two fifths single, two fifths in batches, one fifth with keys.",
    DefaultValueFactory = _ => 5_000,
};
rate.Validators.Add(result =>
{
    if (result.Tokens is [{ Value: var text }] && int.TryParse(text, CultureInfo.InvariantCulture, out var value) && value is (< 10 or > 1_000_000))
    {
        result.AddError("--rate must be from 10 to 1000000.");
    }
});
var soak = new Command("soak", "Drives steady load without faults, and checks that memory, handles, threads and connections do not grow, and the ledger.")
{
    minutes, rate, seed, engine, keep,
};
soak.SetAction((parsed, cancellationToken) => SoakRun.RunAsync(
    new SoakSettings(
        TimeSpan.FromMinutes(parsed.GetValue(minutes)),
        parsed.GetValue(rate),
        parsed.GetValue(seed) ?? Random.Shared.Next(),
        parsed.GetValue(engine),
        parsed.GetValue(keep)),
    cancellationToken));
root.Subcommands.Add(soak);
var command = root.Parse(args);


// Asked to end, or without an output, a run ends its processes first.
using var stop = new CancellationTokenSource();
var output = new RunOutput(Console.Out, stop);
Console.SetOut(output);
var code = await command.InvokeAsync(
    new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) }, stop.Token);
if (output.Failure is { } failure)
{
    Console.Error.WriteLine($"Standard output cannot be written ({failure}): the run was stopped.");
    return 1;
}

return command.Action is ParseErrorAction ? 2 : code;

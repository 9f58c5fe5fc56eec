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
    Description = "Duration of the fault injection; the checks at the end take additional time.",
    DefaultValueFactory = _ => 5,
};
var seed = new Option<int?>("--seed") { Description = "Replays the choices of an earlier run. [default: random, printed]" };
var faults = new Option<string>("--faults")
{
    Description = $"Kinds of faults, separated by commas: {string.Join(",", FaultKinds.All)}; {FaultKinds.Pooler}, with PgBouncer between the "
        + $"services and Postgres; with --engine postgres also {string.Join(",", FaultKinds.Replicated)}; none for load alone. [default: the first list]",
    DefaultValueFactory = _ => string.Join(',', FaultKinds.All),
};
var engine = new Option<LogEngine>("--engine")
{
    Description = "Storage of the log: files, with one API process; or Postgres, with two.",
    DefaultValueFactory = _ => LogEngine.Files,
};
var retention = new Option<Switch?>("--retention")
{
    Description = "For a log in files: remove applied segments, and remember few keys. [default: the seed decides]",
};
var keep = new Option<bool>("--keep") { Description = "Keep the folder with data and outputs even without violations." };
minutes.Validators.Add(result =>
{
    // The parser itself reports text that is not a number.
    if (result.Tokens is [{ Value: var text }] && double.TryParse(text, CultureInfo.InvariantCulture, out var value) && value is not (> 0 and <= 24 * 60))
    {
        result.AddError("--minutes must be more than 0 and at most 1440.");
    }
});
faults.Validators.Add(result =>
{
    if (FaultKinds.Parse(result.GetValue(faults) ?? "") is not { } kinds)
    {
        result.AddError($"--faults must be from {string.Join(",", FaultKinds.Known)}, or none.");
    }
    else if (kinds.Contains(FaultKinds.Pooler) && PgBouncer.Find() is null)
    {
        result.AddError($"--faults {FaultKinds.Pooler} needs PgBouncer (apt-get install pgbouncer).");
    }
    else if (FaultKinds.NeedStandbys(kinds)
        && (result.GetValue(engine) != LogEngine.Postgres || kinds.Except([.. FaultKinds.Replicated, FaultKinds.Kill]).Any()))
    {
        result.AddError($"--faults {string.Join(",", FaultKinds.Replicated)} need --engine postgres, and can only be combined with {FaultKinds.Kill}.");
    }
});

var root = new RootCommand(
    "Runs the built system as real processes, injects seeded faults, and checks that each acknowledged event counts once.\n"
    + "Exit code 0: no promise broken; 1: a promise broken, or the run itself failed; 2: wrong usage.")
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
var fuzz = new Command("fuzz", "Sends mutated bodies to a real API process, and compares answers and log with an independent reading of the bodies.")
{
    minutes, seed,
};
fuzz.SetAction((parsed, cancellationToken) =>
    FuzzRun.RunAsync(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed) ?? Random.Shared.Next(), cancellationToken));
root.Subcommands.Add(fuzz);
var rate = new Option<int>("--rate")
{
    Description = "Events per second: two fifths single, two fifths in batches, one fifth with keys.",
    DefaultValueFactory = _ => 5_000,
};
rate.Validators.Add(result =>
{
    if (result.Tokens is [{ Value: var text }] && int.TryParse(text, CultureInfo.InvariantCulture, out var value) && value is (< 10 or > 1_000_000))
    {
        result.AddError("--rate must be from 10 to 1000000.");
    }
});
var soak = new Command("soak", "Drives steady load without faults; checks the ledger, and that memory, handles, threads and connections do not grow.")
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


// On SIGTERM, or when the output is lost, the run ends its processes first.
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

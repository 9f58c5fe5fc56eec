using System.CommandLine;
using System.CommandLine.Invocation;
using RevenueAspire.Torture;
using RevenueAspire.Torture.Faults;
using RevenueAspire.Torture.Fuzz;

// dotnet run -c Release --project tests/RevenueAspire.Torture -- --minutes 5 [--seed N] [--faults kill,postgres,network,disk,clock] [--engine files|postgres] [--keep]
// dotnet run -c Release --project tests/RevenueAspire.Torture -- fuzz --minutes 5 [--seed N]
var minutes = new Option<double>("--minutes") { Description = "How long faults are injected; the checks at the end come on top.", DefaultValueFactory = _ => 5 };
var seed = new Option<int?>("--seed") { Description = "Replays the choices of an earlier run. [default: random, printed]" };
var faults = new Option<string>("--faults") { Description = $"Kinds of faults, separated by commas: {string.Join(",", FaultKinds.All)}; none for load alone. [default: all]", DefaultValueFactory = _ => string.Join(',', FaultKinds.All) };
var engine = new Option<LogEngine>("--engine") { Description = "Where the log is: in files, with one process of the API; or in Postgres, with two.", DefaultValueFactory = _ => LogEngine.Files };
var keep = new Option<bool>("--keep") { Description = "Keep the folder with data and outputs also when nothing was found." };
minutes.Validators.Add(result =>
{
    if (!result.Errors.Any() && result.GetValue(minutes) is <= 0 or > 24 * 60)
    {
        result.AddError("--minutes must be more than 0 and at most 1440.");
    }
});
faults.Validators.Add(result =>
{
    if (FaultKinds.Parse(result.GetValue(faults) ?? "") is null)
    {
        result.AddError($"--faults must be of {string.Join(",", FaultKinds.All)}, or none.");
    }
});

var root = new RootCommand(
    "Tortures a built system with real processes and faults from a seed, and checks that each acknowledged event counts once.\nExit code 0: no promise was broken; 1: one was, or the run itself failed; 2: wrong usage.")
{
    minutes, seed, faults, engine, keep,
};
root.SetAction((parsed, cancellationToken) => TortureRun.RunAsync(
    new TortureSettings(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed) ?? Random.Shared.Next(), FaultKinds.Parse(parsed.GetValue(faults)!)!, parsed.GetValue(engine), parsed.GetValue(keep)), cancellationToken));
var fuzz = new Command("fuzz", "Sends mutated bodies to a real process of the API, and compares answers and log with an independent reading of them.") { minutes, seed };
fuzz.SetAction(parsed => FuzzRun.RunAsync(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed) ?? Random.Shared.Next()));
root.Subcommands.Add(fuzz);
var command = root.Parse(args);
var code = await command.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
return command.Action is ParseErrorAction ? 2 : code;

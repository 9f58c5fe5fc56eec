using System.CommandLine;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>The processor's goals without a rival: live latency, several processors, idle cost.</summary>
/// <remarks>Needs all projects built in Release.</remarks>
internal static class ProcessorScenarios
{
    /// <summary>The subcommands of <c>processor</c>.</summary>
    public static IEnumerable<Command> Commands()
    {
        var server = Options.Text("--database", "A server that allows creating databases.", isRequired: true);
        var engine = new Option<string>("--engine") { Description = "Storage of the log: File or Postgres.", DefaultValueFactory = _ => "File" };
        engine.AcceptOnlyFromAmong("File", "Postgres");
        var seconds = Options.Number("--seconds", 10, "Duration of a run, in seconds.");
        var runs = Options.Number("--runs", 1, "Runs per load.");
        yield return Command("live", "Time from acknowledgement to table; full load needs wrk.", [server, engine, seconds, runs], (parsed, database) =>
            LiveLatency.MeasureAsync(database, parsed.GetValue(engine)!, Amounts.Seconds(parsed.GetValue(seconds)), Amounts.Runs(parsed.GetValue(runs))));

        var file = Options.Text("--file", "Events to process.", isRequired: true);
        var together = Options.Number("--processors", 2, "Number of processors that start at once.");
        var shares = Options.Number("--runs", 5, "Runs per side, alternating.");
        yield return Command("share", "One processor on a file, compared with several at once.", [server, file, shares, together], (parsed, database) =>
            SharedFile.CompareAsync(database, parsed.GetValue(file)!, parsed.GetValue(together), Amounts.Runs(parsed.GetValue(shares))));

        yield return Command("backlog", "Compares a log's backlog with the same events as a file.", [server, file, shares], (parsed, database) =>
            Backlog.CompareAsync(database, parsed.GetValue(file)!, Amounts.Runs(parsed.GetValue(shares))));

        var idle = Options.Number("--processors", 4, "Number of idle processors.");
        var length = Options.Number("--seconds", 30, "Duration of the measurement, in seconds.");
        yield return Command("idle", "The cost of idle processors to Postgres and the machine.", [server, engine, length, idle], (parsed, database) =>
            IdleCost.MeasureAsync(database, parsed.GetValue(engine)!, parsed.GetValue(idle), Amounts.Seconds(parsed.GetValue(length))));

        Command Command(string name, string description, Option[] options, Func<ParseResult, string, Task> measure)
        {
            var command = new Command(name, description);
            Array.ForEach(options, command.Options.Add);
            command.SetAction(parsed => ScratchDatabase.UseAsync(parsed.GetValue(server)!, database => measure(parsed, database)));
            return command;
        }
    }
}

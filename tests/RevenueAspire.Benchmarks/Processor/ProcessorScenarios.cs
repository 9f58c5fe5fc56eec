using System.CommandLine;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>The processor's goals that are no race against others: live latency, several processors, idle cost.</summary>
/// <remarks>Needs all projects built in Release.</remarks>
internal static class ProcessorScenarios
{
    /// <summary>The command lines.</summary>
    public static IEnumerable<Command> Commands()
    {
        var server = Options.Text("--database", "A server on which databases may be made.", isRequired: true);
        var engine = new Option<string>("--engine") { Description = "Where the log is: File or Postgres.", DefaultValueFactory = _ => "File" };
        engine.AcceptOnlyFromAmong("File", "Postgres");
        var seconds = Options.Number("--seconds", 10, "Length of a run.");
        var runs = Options.Number("--runs", 1, "Runs of each load.");
        yield return Command("live", "An acknowledged event into the table; the full load needs wrk.", [server, engine, seconds, runs], (parsed, database) =>
            LiveLatency.MeasureAsync(database, parsed.GetValue(engine)!, Amounts.Seconds(parsed.GetValue(seconds)), Amounts.Runs(parsed.GetValue(runs))));

        var file = Options.Text("--file", "Events to process.", isRequired: true);
        var together = Options.Number("--processors", 2, "Processors that start at once.");
        var shares = Options.Number("--runs", 5, "Runs of each side, in turn.");
        yield return Command("share", "A file by one processor, and by several that start at once.", [server, file, shares, together], (parsed, database) =>
            SharedFile.CompareAsync(database, parsed.GetValue(file)!, parsed.GetValue(together), Amounts.Runs(parsed.GetValue(shares))));

        yield return Command("backlog", "A file as the backlog of a log, and the same file by process.", [server, file, shares], (parsed, database) =>
            Backlog.CompareAsync(database, parsed.GetValue(file)!, Amounts.Runs(parsed.GetValue(shares))));

        var idle = Options.Number("--processors", 4, "Processors that have nothing to do.");
        var length = Options.Number("--seconds", 30, "How long is measured.");
        yield return Command("idle", "The cost of idle services to Postgres and the machine.", [server, engine, length, idle], (parsed, database) =>
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

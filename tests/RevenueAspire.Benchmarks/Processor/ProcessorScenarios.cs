namespace RevenueAspire.Benchmarks.Processor;

/// <summary>The processor's goals that are no race against others: live latency, several processors, idle cost, memory.</summary>
/// <remarks>Needs all projects built in Release.</remarks>
internal static class ProcessorScenarios
{
    private const string Usage = """
        processor live   --database "Host=..;Username=.." [--seconds 10] [--runs 1] [--engine Postgres]   acknowledged event into the table; the full load needs wrk
        processor share  --database ".." --file FILE [--runs 5] [--processors 2]       one file by one processor, and by several that start at once
        processor idle   --database ".." [--seconds 30] [--processors 4] [--engine Postgres]   what services that have nothing to do cost Postgres and the machine
        """;

    /// <summary>Runs one of them.</summary>
    public static async Task<int> RunAsync(string scenario, string[] arguments)
    {
        if (PairedOptions.TryRead(arguments, ["--database", "--file", "--engine"], ["--seconds", "--runs", "--processors"]) is not { } given || given.Text("--database") is not { } server)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        var engine = given.Text("--engine") ?? "File";
        switch (scenario)
        {
            case "live":
                await ScratchDatabase.UseAsync(server, database => LiveLatency.MeasureAsync(database, engine, Amounts.Seconds(given.Number("--seconds", 10)), Amounts.Runs(given.Number("--runs", 1))));
                return 0;
            case "share" when given.Text("--file") is { } file:
                await ScratchDatabase.UseAsync(server, database => SharedFile.CompareAsync(database, file, given.Number("--processors", 2), Amounts.Runs(given.Number("--runs", 5))));
                return 0;
            case "idle":
                await ScratchDatabase.UseAsync(server, database => IdleCost.MeasureAsync(database, engine, given.Number("--processors", 4), Amounts.Seconds(given.Number("--seconds", 30))));
                return 0;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }
}

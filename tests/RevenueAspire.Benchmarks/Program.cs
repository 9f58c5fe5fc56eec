using System.CommandLine;
using System.CommandLine.Invocation;
using BenchmarkDotNet.Running;
using RevenueAspire.Benchmarks;
using RevenueAspire.Benchmarks.Ingest;
using RevenueAspire.Benchmarks.Processor;

// `ingest ...` measures API processes and `processor ...` processor processes, each compared with others. Other arguments go to BenchmarkDotNet, with one
// class per hot path (`--filter '*EventParser*'`); without arguments, it shows a menu. `--quick` only checks that a measurement runs.
args = Amounts.Take(args);
switch (args)
{
    case ["ingest" or "processor", ..]:
        var command = new RootCommand("Compares this project's programs with others.")
        {
            IngestComparison.Command(),
            ProcessorComparison.Command(),
        }.Parse(args);
        var code = await ReportMissingAsync(() => command.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
        return command.Action is ParseErrorAction ? 2 : code;
    case [BareServer.Argument, var url]:
        await BareServer.RunAsync(url);
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BareServer).Assembly).Run(args);
        return 0;
}

// Reports a missing program or an unavailable database in one line.
static async Task<int> ReportMissingAsync(Func<Task<int>> measure)
{
    try
    {
        return await measure();
    }
    catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or Npgsql.NpgsqlException or FileNotFoundException)
    {
        Console.Error.WriteLine(exception.Message);
        return 1;
    }
}

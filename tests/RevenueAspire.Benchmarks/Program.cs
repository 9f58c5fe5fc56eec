using System.CommandLine;
using System.CommandLine.Invocation;
using BenchmarkDotNet.Running;
using RevenueAspire.Benchmarks;
using RevenueAspire.Benchmarks.Ingest;
using RevenueAspire.Benchmarks.Processor;

// `ingest ...` measures the API and `processor ...` the processor as processes beside others; everything else goes to BenchmarkDotNet: one class a
// hot path (`--filter '*EventParser*'`), or without arguments a menu. `--quick` shows that a measurement runs, and measures nothing.
args = Amounts.Take(args);
switch (args)
{
    case ["ingest" or "processor", ..]:
        var command = new RootCommand("Measures this project's programs beside others.")
        {
            IngestComparison.Command(),
            ProcessorComparison.Command(),
        }.Parse(args);
        var code = await SayWhatIsMissingAsync(() => command.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
        return command.Action is ParseErrorAction ? 2 : code;
    case [BareServer.Argument, var url]:
        await BareServer.RunAsync(url);
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BareServer).Assembly).Run(args);
        return 0;
}

// A program that is not installed, or a database that does not answer, is told in one line.
static async Task<int> SayWhatIsMissingAsync(Func<Task<int>> measure)
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

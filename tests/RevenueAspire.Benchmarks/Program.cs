using BenchmarkDotNet.Running;
using RevenueAspire.Benchmarks.Ingest;

// `ingest ...` measures the API as a process beside other servers; everything else goes to BenchmarkDotNet: one class a hot path (`--filter '*EventParser*'`), or without arguments a menu.
switch (args)
{
    case ["ingest", .. var options]:
        return await IngestComparison.RunAsync(options);
    case [BareServer.Argument, var url]:
        await BareServer.RunAsync(url);
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BareServer).Assembly).Run(args);
        return 0;
}

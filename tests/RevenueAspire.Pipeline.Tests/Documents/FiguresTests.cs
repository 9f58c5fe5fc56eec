namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Runs the processor commands of docs/performance.md.</summary>
public sealed class ProcessorFiguresTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task The_commands_run(bool withWrk) => FigureCommands.RunAsync("figures of the processor", needsWrk: withWrk);
}

/// <summary>Runs the ingest commands of docs/performance.md. A separate class, so that both classes run in parallel.</summary>
public sealed class IngestFiguresTests
{
    [Theory]
    [InlineData("figures of ingest")]
    [InlineData("figures of the log in Postgres")]
    public Task The_commands_run(string block) => FigureCommands.RunAsync(block, needsWrk: true);
}

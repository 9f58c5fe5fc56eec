namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>docs/performance.md, the processor: its commands run.</summary>
public sealed class ProcessorFiguresTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task The_commands_run(bool withWrk) => FigureCommands.RunAsync("figures of the processor", needsWrk: withWrk);
}

/// <summary>docs/performance.md, ingest: its commands run. A class of its own, so that both run side by side.</summary>
public sealed class IngestFiguresTests
{
    [Theory]
    [InlineData("figures of ingest")]
    [InlineData("figures of the log in Postgres")]
    public Task The_commands_run(string block) => FigureCommands.RunAsync(block, needsWrk: true);
}

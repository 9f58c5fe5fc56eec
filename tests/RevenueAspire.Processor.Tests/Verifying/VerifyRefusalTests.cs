using RevenueAspire.Events;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;

namespace RevenueAspire.Processor.Tests.Verifying;

/// <summary>verify reports sources that it cannot check, neither as equal nor as different.</summary>
public sealed class VerifyRefusalTests
{
    private static readonly EventTypes WithGift = EventTypes.Create([new("add_revenue", 1), new("gift", 1)]);
    private static readonly byte[] Gift = "{\"userId\":\"a\",\"name\":\"gift\",\"value\":5}\n"u8.ToArray();

    [Fact]
    public async Task M13_a_file_that_was_counted_with_other_event_types_is_not_checked()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", Gift), types: WithGift);
        Assert.Equal(0, (await ledger.VerifyAsync(types: WithGift)).Result.Differences);
        var (refused, _) = await ledger.VerifyAsync();
        Assert.Contains("EventTypes", Assert.Single(refused.Unread), StringComparison.Ordinal);
        Assert.Equal((1, 1L, false), (refused.ExitCode, refused.Unchecked!.Users, refused.Unchecked.Contradicts));
    }

    [Fact]
    public async Task M13_a_log_with_an_unknown_name_is_not_checked()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), WithGift);
        await log.AppendAsync(Gift[..^1]);
        using (var reader = LogSourceReader.Open(log.Directory))
        {
            await new LogProcess(ledger.Services(types: WithGift)).RunAsync(reader, "log", new RunProgress("log"), CancellationToken.None);
        }

        var (refused, _) = await ledger.VerifyAsync();
        Assert.Contains("offset 0", Assert.Single(refused.Unread), StringComparison.Ordinal);
        Assert.Equal(1, refused.ExitCode);
    }
}

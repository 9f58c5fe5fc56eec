using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Appends and reads on the real file system.</summary>
public sealed class WriterTests
{
    [Fact]
    public async Task L3_L4_appended_groups_are_read_back_in_order_with_receipts_that_name_their_last_record()
    {
        using var directory = new TempDirectory();
        await using var writer = TestLog.Open(directory.Path);
        var first = await TestLog.AppendAsync(writer, TestLog.Single("a"));
        var batch = await TestLog.AppendAsync(writer, TestLog.Group(["b", "c", "d"], rejected: 2));
        using var reader = EventLogReader.Open(directory.Path);
        var (text, damage) = TestLog.ReadAll(reader);
        var lines = TestLog.Lines(text);

        Assert.Empty(damage);
        Assert.Equal(AppendStatus.Appended, first.Status);
        Assert.Equal(new Receipt(writer.LogId, 0), first.Receipt);
        Assert.Equal((3, 2), (batch.Accepted, batch.RejectedCount));
        Assert.Equal(["a", "b", "c", "d"], lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("userId").GetString()));
        Assert.Equal(text.IndexOf("{\"userId\":\"d\"", StringComparison.Ordinal), batch.Receipt.Offset);
        Assert.Equal(writer.DurableMark, text.Length);
        Assert.Equal(writer.LogId, reader.LogId);
    }

    [Fact]
    public async Task A_log_opened_again_goes_on_where_it_ended()
    {
        using var directory = new TempDirectory();
        Guid id;
        await using (var writer = TestLog.Open(directory.Path))
        {
            id = writer.LogId;
            await TestLog.AppendAsync(writer, TestLog.Single("a"));
        }

        await using var again = TestLog.Open(directory.Path);
        var result = await TestLog.AppendAsync(again, TestLog.Single("b"));
        using var reader = EventLogReader.Open(directory.Path);

        Assert.Equal(id, again.LogId);
        Assert.True(result.Receipt.Offset > 0);
        Assert.Equal(2, TestLog.Lines(TestLog.ReadAll(reader).Text).Length);
    }
}

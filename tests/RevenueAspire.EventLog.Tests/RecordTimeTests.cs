using System.Text;
using RevenueAspire.Events;

namespace RevenueAspire.EventLog.Tests;

public sealed class RecordTimeTests
{
    private const string Time = "2026-03-01T12:34:56.789Z";
    private static readonly long Milliseconds = DateTimeOffset.Parse(Time, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();

    [Theory]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"timestamp\":\"" + Time + "\"}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time + "\",\"caller\":\"x}\\\",\",\"idempotencyKey\":\"k\",\"bodyHash\":\"h\",\"traceparent\":\"t\"}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time + "\",\"batch\":{\"from\":1,\"count\":2,\"rejected\":0,\"crc\":\"00000000\"}}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time + "\",\"batch\":{}}")]
    [InlineData("{\"x\":{\"y\":1,\"timestamp\":\"2020-01-01T00:00:00.000Z\"},\"timestamp\":\"" + Time + "\"}")]
    public void The_time_of_a_record_is_the_server_s(string record)
    {
        Assert.True(RecordTime.TryRead(Encoding.UTF8.GetBytes(record), out var milliseconds));
        Assert.Equal(Milliseconds, milliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"a\",\"x\":{\"y\":1,\"timestamp\":\"" + Time + "\"}}")]
    [InlineData("{\"userId\":\"a\",\"x\":{\"y\":1,\"timestamp\":\"" + Time + "\",\"batch\":{}}}")]
    [InlineData("{\"userId\":\"a\",\"x\":[{\"y\":1,\"timestamp\":\"" + Time + "\"}]}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"2026-13-01T12:34:56.789Z\"}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"2026-02-30T12:34:56.789Z\"}")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time)]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time + "\",\"caller\":\"x")]
    [InlineData("{\"userId\":\"a\",\"timestamp\":\"" + Time + "\",\"caller\":1}")]
    public void A_record_without_a_server_time_has_no_time(string record) =>
        Assert.False(RecordTime.TryRead(Encoding.UTF8.GetBytes(record), out _));

    [Fact]
    public void The_last_record_of_each_group_that_is_written_has_the_time()
    {
        var builder = new AppendGroupBuilder(EventTypes.Default, new FixedTime());
        for (var line = 0; line < 3; line++)
        {
            builder.Add("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}"u8, out _);
        }

        var group = builder.Build("key", new byte[32]);
        Span<byte> closing = stackalloc byte[AppendGroup.MaxClosingBytes];
        var length = group.HasClosing ? group.WriteClosing(closing, 0) : 0;
        var text = Encoding.UTF8.GetString(group.Bytes) + Encoding.UTF8.GetString(closing[..length]);
        var records = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([false, false, true], records.Select(record => RecordTime.TryRead(Encoding.UTF8.GetBytes(record), out _)));
        RecordTime.TryRead(Encoding.UTF8.GetBytes(records[^1]), out var milliseconds);
        Assert.Equal(Milliseconds, milliseconds);
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Milliseconds);
    }
}

using System.Net;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Reads;

/// <summary>Receipts, with either engine of the log.</summary>
public abstract class ReceiptsTests : IDisposable
{
    private readonly LogPlace _place;

    private protected ReceiptsTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task An_event_is_durable_then_applied_or_rejected_with_the_reason()
    {
        var database = await _place.DatabaseAsync();
        await using var api = await _place.StartAsync();
        var good = (await api.PostEventAsync(Sample.Add("good", 1))).Receipt;
        var bad = (await api.PostEventAsync(Sample.Add("bad", 1))).Receipt;
        Assert.Equal("""{"state":"durable"}""", (await api.GetAsync("/receipts/" + good)).Expect(HttpStatusCode.OK).Body);

        await Processor.ApplyAsync(api, database, rejectWhere: line => line.Contains("\"bad\"", StringComparison.Ordinal));

        Assert.Equal("""{"state":"applied"}""", (await api.GetAsync("/receipts/" + good)).Body);
        Assert.Equal("""{"state":"rejected","reason":"made up by a test"}""", (await api.GetAsync("/receipts/" + bad)).Body);
        Assert.Equal("""{"state":"applied"}""", (await api.GetAsync("/receipts/" + Uri.EscapeDataString(good!))).Body);
    }

    [Fact]
    public async Task Every_record_of_a_batch_has_a_receipt()
    {
        await using var api = await _place.StartAsync();
        (await api.PostEventsAsync($"{Sample.Add("a", 1)}\n{Sample.Add("b", 2)}")).Expect(HttpStatusCode.Accepted);

        (await api.GetAsync($"/receipts/{api.Log.LogId:N}:0")).Expect(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("nonsense", 400)]
    [InlineData("{log}:x", 400)]
    [InlineData("{LOG}:0", 400)]
    [InlineData("{log}:0%20", 400)]
    [InlineData("00000000000000000000000000000000:0", 404)]
    [InlineData("{log}:1", 404)]
    [InlineData("{log}:9223372036854775807", 404)]
    public async Task A_receipt_that_names_no_record_is_400_or_404(string receipt, int status)
    {
        await using var api = await _place.StartAsync();
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        var log = api.Log.LogId.ToString("N");

        var text = receipt.Replace("{log}", log, StringComparison.Ordinal).Replace("{LOG}", log.ToUpperInvariant(), StringComparison.Ordinal);

        (await api.GetAsync("/receipts/" + text)).ExpectProblem(status, "receipt");
    }
}

public sealed class ReceiptsInFilesTests() : ReceiptsTests(LogEngine.File);

public sealed class ReceiptsInPostgresTests() : ReceiptsTests(LogEngine.Postgres);

using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>A span link connects a request's trace through API and log with the merge that applied its event.</summary>
public sealed class TraceTests
{
    [Fact]
    public async Task A_sampled_request_its_commit_and_the_merge_with_a_link_to_it_are_exported()
    {
        await using var collector = new OtlpCollector();
        await using var installation = await Installation.CreateAsync();
        collector.Attach(installation);
        await using var api = await installation.StartApiAsync();
        await using var processor = installation.StartProcessor();

        var trace = ActivityTraceId.CreateRandom();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent")
        {
            Content = new StringContent("""{"userId":"traced","name":"add_revenue","value":7}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");
        string receipt;
        using (var response = await installation.Http.SendAsync(request))
        {
            Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
            receipt = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("receipt").GetString()!;
        }

        await Eventually.IsTrueAsync(async () => await installation.RevenueAsync("traced") == 7);

        // Each process exports its remaining spans before it ends.
        Assert.Equal(0, await processor.TerminateAsync());
        Assert.Equal(0, await api.TerminateAsync());
        var id = Convert.FromHexString(trace.ToHexString());
        var spans = collector.Received.Where(body => body.AsSpan().IndexOf(id) >= 0).ToArray();
        Assert.Contains(spans, body => body.AsSpan().IndexOf("POST /liveEvent"u8) >= 0 && body.AsSpan().IndexOf("RevenueAspire.Api"u8) >= 0);
        Assert.Contains(spans,
            body => body.AsSpan().IndexOf("log commit"u8) >= 0
            && body.AsSpan().IndexOf("revenue.commit.groups"u8) >= 0 && body.AsSpan().IndexOf(Encoding.ASCII.GetBytes(receipt)) >= 0);
        Assert.Contains(spans, body => body.AsSpan().IndexOf("merge live range"u8) >= 0 && body.AsSpan().IndexOf("RevenueAspire.Processor"u8) >= 0);
        Assert.All(collector.Received, body => Assert.True(body.AsSpan().IndexOf("traced"u8) < 0, "a user id is in the telemetry"));
    }
}

using System.Net;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary><c>POST /liveEvents?listed=N</c>.</summary>
public sealed class ListedTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("?listed=1", 1)]
    [InlineData("?listed=250", 250)]
    [InlineData("?listed=100000", 250)]
    [InlineData("?LISTED=7&other=x", 7)]
    [InlineData("", 100)]
    [InlineData("?", 100)]
    public async Task The_answer_lists_as_many_rejected_lines_as_requested(string query, int listed)
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var bad = string.Concat(Enumerable.Repeat("x\n", 250));

        var some = (await api.SendAsync(HttpMethod.Post, "/liveEvents" + query, ApiHost.Body(bad + Sample.Plain, "application/jsonl")))
            .Expect(HttpStatusCode.Accepted);
        var none = (await api.SendAsync(HttpMethod.Post, "/liveEvents" + query, ApiHost.Body(bad, "application/jsonl"))).ExpectProblem(400, null);

        Assert.Equal((250, listed), (some.Json.GetProperty("rejectedCount").GetInt32(), some.Json.GetProperty("rejected").GetArrayLength()));
        Assert.Equal((250, listed), (none.Json.GetProperty("rejectedCount").GetInt32(), none.Json.GetProperty("rejected").GetArrayLength()));
    }

    [Theory]
    [InlineData("?listed=0")]
    [InlineData("?listed=100001")]
    [InlineData("?listed=-1")]
    [InlineData("?listed=")]
    [InlineData("?listed=many")]
    [InlineData("?listed=5&listed=6")]
    public async Task An_invalid_number_is_400_and_appends_nothing(string query)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.SendAsync(HttpMethod.Post, "/liveEvents" + query, ApiHost.Body(Sample.Plain, "application/jsonl"))).ExpectProblem(400, "listed");

        Assert.Empty(api.Records());
    }
}

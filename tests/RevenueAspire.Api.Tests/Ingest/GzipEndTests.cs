using System.Net;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>A gzip body is accepted as a whole or not at all.</summary>
public sealed class GzipEndTests : IDisposable
{
    private static readonly byte[] First = Gzip.Compress(string.Concat(Enumerable.Range(0, 500).Select(i => Sample.Add("a" + i, 1) + "\n")));
    private static readonly byte[] Second = Gzip.Compress(Sample.Add("b", 1) + "\n");

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string, byte[]> Leftovers => new()
    {
        { "a second member without its first byte", Second[1..] },
        { "a second member with a wrong first byte", [0, .. Second[1..]] },
        { "a second member with a wrong second byte", [Second[0], 0, .. Second[2..]] },
        { "a second member that is cut off", Second[..^1] },
        { "only the first byte of a second member", Second[..1] },
        { "only its header", Second[..10] },
        { "zeros", new byte[100_000] },
        { "text", "x"u8.ToArray() },
    };

    [Theory]
    [MemberData(nameof(Leftovers))]
    public async Task Extra_bytes_after_a_member_make_the_body_invalid(string name, byte[] leftover)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.PostEventsAsync([.. First, .. leftover], ("Content-Encoding", "gzip"));

        Assert.True(answer.Status == 400, $"{name}: {answer.Status}");
        answer.ExpectProblem(400, "Content-Encoding");
        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task Several_members_in_a_row_are_one_body()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync([.. First, .. Second, .. Gzip.Compress(""), .. Second], ("Content-Encoding", "gzip")))
            .Expect(HttpStatusCode.Accepted);

        Assert.Equal(502, answer.Json.GetProperty("accepted").GetInt32());
        Assert.Equal(502, api.Records().Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(65535)]
    [InlineData(65536)]
    [InlineData(65537)]
    public async Task A_body_of_any_length_is_read_to_its_last_byte(int blankBytes)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(Gzip.Compress(new string('\n', blankBytes) + Sample.Plain), ("Content-Encoding", "gzip")))
            .Expect(HttpStatusCode.Accepted);

        Assert.Equal(1, answer.Json.GetProperty("accepted").GetInt32());
        Assert.Equal(0, answer.Json.GetProperty("rejectedCount").GetInt32());
    }
}

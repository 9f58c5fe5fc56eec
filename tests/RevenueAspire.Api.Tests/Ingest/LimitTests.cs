using System.Net;
using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>The size of an event, and the state after an event that failed.</summary>
public sealed class LimitTests : IDisposable
{
    private const int Max = 64 << 10;

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_end_of_a_line_does_not_count_towards_its_size()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(
            $"{Sample.OfLength(Max)}\r\n{Sample.OfLength(Max)}\n{Sample.OfLength(Max + 1)}\r\n{Sample.OfLength(Max + 1)}\n{Sample.OfLength(Max)}\r"))
                .Expect(HttpStatusCode.Accepted);

        Assert.Equal(3, answer.Json.GetProperty("accepted").GetInt32());
        Assert.Equal([3, 4], answer.Json.GetProperty("rejected").EnumerateArray().Select(line => line.GetProperty("line").GetInt32()));
    }

    [Theory]
    [InlineData(Max, "", "\r\n", 202)]
    [InlineData(Max, " \t", "\n", 202)]
    [InlineData(Max + 1, "", "\n", 413)]
    [InlineData(Max + 1, "", "", 413)]
    public async Task White_space_around_a_single_event_does_not_count_towards_its_size(int length, string before, string after, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        Assert.Equal(status, (await api.PostEventAsync(before + Sample.OfLength(length) + after)).Status);
    }

    [Theory]
    [InlineData(1024, 202)]
    [InlineData(1025, 413)]
    public async Task White_space_around_a_single_event_has_a_limit(int spaces, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        Assert.Equal(status, (await api.PostEventAsync(Sample.OfLength(Max) + new string(' ', spaces))).Status);
    }

    [Fact]
    public async Task An_event_answered_with_500_is_not_appended_with_the_next()
    {
        var time = new BrokenClock();
        await using var api = await ApiHost.StartAsync(
            _directory, null, builder => builder.Services.AddSingleton<TimeProvider>(time), "Logging:LogLevel:Default=None");
        time.IsBroken = true;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(500, (await api.PostEventAsync(Sample.Add("lost", i))).Status);
        }

        time.IsBroken = false;
        for (var i = 0; i < 50; i++)
        {
            (await api.PostEventAsync(Sample.Add("kept", i))).Expect(HttpStatusCode.Accepted);
        }

        Assert.Equal(Enumerable.Repeat("kept", 50), api.Records().Select(record => record.GetProperty("userId").GetString()));
    }

    private sealed class BrokenClock : TimeProvider
    {
        public volatile bool IsBroken;

        public override DateTimeOffset GetUtcNow() => IsBroken ? throw new InvalidOperationException("made up by a test") : base.GetUtcNow();
    }
}

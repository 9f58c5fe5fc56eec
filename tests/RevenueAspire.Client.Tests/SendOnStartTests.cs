using System.Net;
using System.Text.Json;
using RevenueAspire.Client.Journal;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Sending the file once at start.</summary>
public sealed class SendOnStartTests : ServiceFixture
{
    [Fact]
    public async Task Send_on_start_sends_once_across_restarts_and_waits_for_the_api()
    {
        var file = Write(SendHarness.Events(6));
        var port = FreePort.Next();
        var url = new Uri($"http://127.0.0.1:{port}");
        var client = await StartAsync(url, file, ("Client__SendOnStart", "true"));
        await client.WaitForLineAsync("Waiting for");
        await using var api = await FakeApi.StartAsync(port);
        await client.WaitForLineAsync("was sent: 6 lines");
        await client.DisposeAsync();

        await using var again = await StartAsync(url, file, ("Client__SendOnStart", "true"));
        await again.WaitForLineAsync("is not sent again at start");
        Assert.Equal(6, api.Records.Count);

        using var answer = await Http.PostAsync(Generate, null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(12, api.Records.Count);
    }

    [Fact]
    public async Task A_killed_send_on_start_continues_at_the_next_start()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(50);
        var file = Write(SendHarness.Events(100));
        await using (var client = await StartAsync(api.Url, file, ("Client__SendOnStart", "true"), ("Client__Concurrency", "2")))
        {
            await Eventually.IsTrueAsync(() => api.Records.Count >= 30);
            await client.KillAsync();
        }

        Assert.InRange(api.Records.Count, 30, 99);
        api.Delay = TimeSpan.Zero;
        await using var again = await StartAsync(api.Url, file, ("Client__SendOnStart", "true"));
        await again.WaitForLineAsync("was sent: 100 lines");

        Assert.Equal(SendHarness.Events(100).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_send_on_start_that_cannot_be_resumed_safely_is_reported_and_sends_nothing()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(50);
        var file = Write(SendHarness.Events(100));
        await using (var client = await StartAsync(api.Url, file, ("Client__SendOnStart", "true"), ("Client__Concurrency", "2")))
        {
            await Eventually.IsTrueAsync(() => api.Records.Count >= 30);
            await client.KillAsync();
        }

        var sent = api.Keys.Count;
        api.KeysFrom = long.MaxValue;
        await using var again = await StartAsync(api.Url, file, ("Client__SendOnStart", "true"));

        var line = await again.WaitForLineAsync("NOT sent at start");
        Assert.Contains("fail", line, StringComparison.Ordinal);
        Assert.Contains("no longer remembers the keys of its open requests", line, StringComparison.Ordinal);
        Assert.Equal(sent, api.Keys.Count);
    }

    [Fact]
    public async Task The_same_content_is_not_sent_again_to_the_same_log_but_to_another_log()
    {
        await using var api = await FakeApi.StartAsync();
        var file = Write(SendHarness.Events(6));
        await using (var client = await StartAsync(api.Url, file, ("Client__SendOnStart", "true")))
        {
            await client.WaitForLineAsync("was sent: 6 lines");
        }

        var copy = FilePath("copy.jsonl");
        File.Copy(file, copy);
        var other = new Uri($"http://localhost:{api.Url.Port}");
        await using (var client = await StartAsync(other, copy, ("Client__SendOnStart", "true")))
        {
            await client.WaitForLineAsync("is not sent again at start");
        }

        Assert.Equal(6, api.Records.Count);
        api.LogId = Guid.NewGuid();
        await using (var client = await StartAsync(api.Url, file, ("Client__SendOnStart", "true")))
        {
            await client.WaitForLineAsync("was sent: 6 lines");
        }

        Assert.Equal(12, api.Records.Count);
    }

    [Fact]
    public async Task Changed_content_is_sent_on_start()
    {
        await using var api = await FakeApi.StartAsync();
        await using (var client = await StartAsync(api.Url, Write(SendHarness.Events(2)), ("Client__SendOnStart", "true")))
        {
            await client.WaitForLineAsync("was sent: 2 lines");
        }

        await using var again = await StartAsync(api.Url, Write(SendHarness.Events(3)), ("Client__SendOnStart", "true"));
        await again.WaitForLineAsync("was sent: 3 lines");
        Assert.Equal(5, api.Records.Count);
    }

    [Fact]
    public async Task Only_journals_of_the_oldest_finished_runs_that_are_not_needed_are_removed()
    {
        await using var api = await FakeApi.StartAsync();
        var directory = FilePath("data/client");
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(1)), ("Client__SendOnStart", "true"));
        await client.WaitForLineAsync("was sent: 1 lines");
        var finished = RunJournal.TryRead(Assert.Single(Directory.GetFiles(directory, "start-*.json")))!;
        var otherLog = finished with { LogId = Guid.NewGuid() };
        string[] needed =
        [
            Save("start-current", finished, 0), Save("start-stopped", otherLog with { Finished = false }, 0), Save(
                "generate-stopped", finished with { Finished = false }, 0),
        ];
        string[] oldest = [Save("start-other", otherLog, 1), Save("generate-old", finished, 2), Save("start-older", otherLog, 3)];
        var newest = Enumerable.Range(10, EndedRuns.Kept).Select(day => Save((day % 2 == 0 ? "generate-" : "start-") + day, otherLog, day)).ToArray();

        using var answer = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.All([.. needed, .. newest], path => Assert.True(File.Exists(path), path));
        Assert.All(oldest, path => Assert.False(File.Exists(path) || File.Exists(path + ".lock"), path));

        string Save(string name, JournalEntry entry, int day)
        {
            var path = Path.Combine(directory, name + ".json");
            File.WriteAllBytes(
                path, JsonSerializer.SerializeToUtf8Bytes(entry with { SavedAt = DateTimeOffset.UnixEpoch.AddDays(day) }, JournalJson.Default.JournalEntry));
            return path;
        }
    }
}

using System.IO.Compression;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>A stopped send is found by its file's content and the API's log, not by path or address. No advice leads to a double count.</summary>
public sealed class ContentTests : IDisposable
{
    private const int Lines = 40;

    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("renamed")]
    [InlineData("compressed")]
    [InlineData("symlink")]
    [InlineData("copied")]
    public async Task A_file_under_another_path_is_resumed(string kind)
    {
        await using var api = await FakeApi.StartAsync();
        var file = await StopAsync(api);
        var other = _client.Path("b.jsonl");
        switch (kind)
        {
            case "renamed":
                File.Move(file, other);
                break;
            case "compressed":
                await CompressAsync(file, other);
                File.Delete(file);
                break;
            case "symlink":
                File.CreateSymbolicLink(other, file);
                break;
            default:
                File.Copy(file, other);
                break;
        }

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, other, "--resume"));
        AssertOnce(api);
        Assert.Contains($"{other} has the same content as {file}", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, other, "--resume"));
        Assert.Contains("an earlier send completed this file", _client.Out, StringComparison.Ordinal);
        AssertOnce(api);
    }

    [Fact]
    public async Task The_same_api_at_another_address_has_the_same_log()
    {
        await using var api = await FakeApi.StartAsync();
        var file = await StopAsync(api);

        Assert.Equal(ExitCodes.Done, await _client.RunAsync("send", file, "--url", $"http://localhost:{api.Url.Port}", "--resume"));

        AssertOnce(api);
    }

    [Fact]
    public async Task A_rotated_file_is_resumed_after_the_new_one_was_sent()
    {
        await using var api = await FakeApi.StartAsync();
        var file = await StopAsync(api);
        var rotated = _client.Path("a.1.jsonl");
        File.Move(file, rotated);
        _client.Write("a.jsonl", Enumerable.Range(1000, 10).Select(SendHarness.Event));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));
        Assert.DoesNotContain("warning", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, rotated, "--resume"));

        Assert.Equal(SendHarness.Events(Lines).Concat(Enumerable.Range(1000, 10).Select(SendHarness.Event)).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_rotated_file_that_was_sent_is_recognised_after_a_send_of_the_new_one()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        await _client.SendAsync(api, file);
        File.Move(file, _client.Path("a.1.jsonl"));
        _client.Write("a.jsonl", SendHarness.Event(1000));
        await _client.SendAsync(api, file);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Path("a.1.jsonl"), "--resume"));

        Assert.Contains("an earlier send completed this file", _client.Out, StringComparison.Ordinal);
        Assert.Equal(Lines + 1, api.Records.Count);
    }

    [Fact]
    public async Task Files_not_yet_begun_are_found_after_a_rename()
    {
        await using var api = await FakeApi.StartAsync();
        var a = _client.Write("a.jsonl", SendHarness.Events(Lines));
        var b = _client.Write("b.jsonl", Enumerable.Range(1000, 10).Select(SendHarness.Event));
        await StopAtAsync(api, 15, () => _client.RunAsync("send", a, b, "--url", api.Url.ToString(), "--concurrency", "1"));
        File.Move(a, _client.Path("a.1.jsonl"));
        File.Move(b, _client.Path("b.1.jsonl"));

        Assert.Equal(
            ExitCodes.Done, await _client.RunAsync("send", _client.Path("a.1.jsonl"), _client.Path("b.1.jsonl"), "--url", api.Url.ToString(), "--resume"));

        Assert.Equal(Lines + 10, api.Records.Distinct().Count());
        Assert.Equal(Lines + 10, api.Records.Count);
    }

    [Theory]
    [InlineData(15)]
    [InlineData(Lines + 10)]
    public async Task Two_files_with_the_same_content_are_both_counted(int stopAt)
    {
        await using var api = await FakeApi.StartAsync();
        var (a, b) = (_client.Write("a.jsonl", SendHarness.Events(Lines)), _client.Write("b.jsonl", SendHarness.Events(Lines)));
        string[] args = ["send", a, b, "--url", api.Url.ToString(), "--concurrency", "1"];
        await StopAtAsync(api, stopAt, () => _client.RunAsync(args));

        Assert.Equal(ExitCodes.Done, await _client.RunAsync([.. args, "--resume"]));

        Assert.Equal(SendHarness.Events(Lines).Concat(SendHarness.Events(Lines)).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_new_send_of_a_renamed_file_warns_of_the_stopped_one()
    {
        await using var api = await FakeApi.StartAsync();
        var file = await StopAsync(api);
        File.Move(file, _client.Path("b.jsonl"));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Path("b.jsonl")));

        Assert.Contains($"an earlier send of {_client.Path("b.jsonl")} (as {file}) stopped after line", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task If_nothing_can_be_resumed_no_advice_suggests_a_new_send(bool hasOtherLog)
    {
        await using var api = await FakeApi.StartAsync();
        var file = hasOtherLog ? await StopAsync(api) : _client.Write("a.jsonl", SendHarness.Events(3));
        api.LogId = Guid.NewGuid();
        var sent = api.Keys.Count;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains(hasOtherLog ? "Resume with the API that has the first log" : "Nothing to resume", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("without --resume", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Leave --resume out", _client.Error, StringComparison.Ordinal);
        Assert.Equal(sent, api.Keys.Count);
    }

    private static async Task CompressAsync(string from, string to)
    {
        await using var source = File.OpenRead(from);
        await using var packed = new GZipStream(File.Create(to), CompressionLevel.Fastest);
        await source.CopyToAsync(packed);
    }

    private static void AssertOnce(FakeApi api) => Assert.Equal(SendHarness.Events(Lines).Order(), api.Records.Order());

    private async Task<string> StopAsync(FakeApi api)
    {
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        await StopAtAsync(api, 15, () => _client.SendAsync(api, file, "--concurrency", "1"));
        return file;
    }

    private async Task StopAtAsync(FakeApi api, int requests, Func<Task<int>> run)
    {
        api.Before = (_, number) =>
        {
            if (number == requests)
            {
                _client.Stop.Cancel();
            }

            return Task.FromResult(false);
        };
        api.Delay = TimeSpan.FromMilliseconds(5);
        Assert.Equal(ExitCodes.NotDone, await run());
        api.Before = (_, _) => Task.FromResult(false);
        api.Delay = TimeSpan.Zero;
        _client.Stop.Dispose();
        _client.Stop = new CancellationTokenSource();
    }
}

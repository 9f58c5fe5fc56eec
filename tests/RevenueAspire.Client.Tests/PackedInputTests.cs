using System.IO.Compression;
using System.Text;
using System.Text.Json;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>Standard input, gzip, and the result for scripts.</summary>
public sealed class PackedInputTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task A_gzip_file_is_decompressed_whatever_its_name()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("events.jsonl");
        await File.WriteAllBytesAsync(file, Gzip(SendHarness.Events(300)));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--batch", "50"));

        Assert.Equal(SendHarness.Events(300).Order(), api.Records.Order());
        Assert.Empty(Directory.GetFiles(_client.Path("spool")));
    }

    [Fact]
    public async Task A_stopped_send_of_a_gzip_file_is_resumed()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("events.gz");
        await File.WriteAllBytesAsync(file, Gzip(SendHarness.Events(400)));
        api.Delay = TimeSpan.FromMilliseconds(30);
        var send = _client.SendAsync(api, file, "--concurrency", "4");
        await Testing.Eventually.IsTrueAsync(() => api.Records.Count > 20);
        await _client.Stop.CancelAsync();
        Assert.Equal(ExitCodes.NotDone, await send);
        Assert.Contains("--resume", _client.Error, StringComparison.Ordinal);

        _client.Stop = new CancellationTokenSource();
        api.Delay = TimeSpan.Zero;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(400).Order(), api.Records.Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Standard_input_is_sent_and_leaves_no_journal(bool packed)
    {
        await using var api = await FakeApi.StartAsync();
        _client.Input = packed ? Gzip(SendHarness.Events(20)) : Encoding.UTF8.GetBytes(string.Concat(SendHarness.Events(20).Select(line => line + "\n")));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, "-"));

        Assert.Equal(SendHarness.Events(20).Order(), api.Records.Order());
        Assert.Empty(Directory.GetFiles(_client.JournalDirectory));
        Assert.StartsWith("-: 20 lines sent", _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_send_of_standard_input_reports_that_it_cannot_be_resumed()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(30);
        _client.Input = Encoding.UTF8.GetBytes(string.Concat(SendHarness.Events(400).Select(line => line + "\n")));
        var send = _client.SendAsync(api, "-", "--concurrency", "4");
        await Testing.Eventually.IsTrueAsync(() => api.Records.Count > 20);
        await _client.Stop.CancelAsync();

        Assert.Equal(ExitCodes.NotDone, await send);
        Assert.Contains("Standard input cannot be resumed", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--resume", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--resume needs a file", "send", "-", "--resume")]
    [InlineData("is given twice", "send", "-", "-")]
    public async Task Options_that_standard_input_does_not_support_are_wrong_usage(string message, params string[] args)
    {
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync(args));
        Assert.Contains(message, _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Incomplete_gzip_is_reported_in_one_line_and_nothing_is_sent()
    {
        await using var api = await FakeApi.StartAsync();
        var whole = Gzip(SendHarness.Events(300));
        foreach (var bytes in (byte[][])[whole[..^1], whole[..(whole.Length / 2)], [.. whole, (byte)'x']])
        {
            var file = _client.Path("cut.gz");
            await File.WriteAllBytesAsync(file, bytes);
            Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));
            var line = Assert.Single(_client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains("not a complete gzip file", line, StringComparison.Ordinal);
        }

        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task Json_is_one_object_with_the_documented_fields()
    {
        await using var api = await FakeApi.StartAsync();
        var some = _client.Write("some.jsonl", SendHarness.Event(1), "bad");
        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, some, "--json"));
        using (var json = JsonDocument.Parse(_client.Out))
        {
            Assert.Equal(["exitCode", "files", "error"], json.RootElement.EnumerateObject().Select(field => field.Name));
            var file = json.RootElement.GetProperty("files")[0];
            Assert.Equal(
                ["file", "state", "lines", "accepted", "rejected", "rejectedFile", "seconds", "unsentBytes"],
                file.EnumerateObject().Select(field => field.Name));
            Assert.Equal(
                (3, "sent", 2, 1, 1, some + ".rejected.jsonl"),
                (
                    json.RootElement.GetProperty("exitCode").GetInt32(),
                    file.GetProperty("state").GetString(),
                    file.GetProperty("lines").GetInt32(),
                    file.GetProperty("accepted").GetInt32(),
                    file.GetProperty("rejected").GetInt32(),
                    file.GetProperty("rejectedFile").GetString()));
        }

        Assert.Contains("some.jsonl:2:", _client.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Path("none"), "--json"));
        using (var json = JsonDocument.Parse(_client.Out))
        {
            Assert.Equal(1, json.RootElement.GetProperty("exitCode").GetInt32());
            Assert.Contains("does not exist", json.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
        }
    }

    private static byte[] Gzip(IEnumerable<string> lines)
    {
        using var result = new MemoryStream();
        using (var gzip = new GZipStream(result, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
        }

        return result.ToArray();
    }
}

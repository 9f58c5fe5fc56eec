using System.IO.Compression;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Files that change during a send: appended bytes are reported or followed, and overwritten ones are detected.</summary>
public sealed class GrowingFileTests : IDisposable
{
    private const int Lines = 30;

    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Bytes_appended_during_a_send_are_reported_and_sent_by_resume()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        var added = SendHarness.Event(Lines + 1) + "\n";
        At(api, 10, () => File.AppendAllText(file, added));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--json"));

        Assert.Contains(
            $"{file}: {added.Length} bytes were appended after the send began; they were not sent. Send them with: RevenueAspire.Client send {file} --url "
            + $"{api.Url} --resume",
            _client.Error,
            StringComparison.Ordinal);
        Assert.Contains($"\"unsentBytes\":{added.Length}", _client.Out, StringComparison.Ordinal);
        Assert.Contains("\"exitCode\":1", _client.Out, StringComparison.Ordinal);
        Assert.Equal(SendHarness.Events(Lines).Order(), api.Records.Order());

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(Lines + 1).Order(), api.Records.Order());
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(Lines + 1, api.Records.Count);
    }

    [Fact]
    public async Task Bytes_appended_to_a_compressed_file_are_reported_and_sent_by_resume()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("a.gz");
        Pack(file, SendHarness.Events(Lines));
        At(api, 10, () => Pack(file, [SendHarness.Event(Lines + 1)]));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));
        Assert.Contains("bytes (compressed) were appended during the send", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(Lines + 1).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_stopped_resume_of_appended_lines_is_resumed_exactly()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        await _client.SendAsync(api, file, "--batch", "4");
        File.AppendAllLines(file, Enumerable.Range(Lines + 1, 60).Select(SendHarness.Event));
        api.KeysFrom = api.Offset;
        api.Delay = TimeSpan.FromMilliseconds(5);
        At(api, 14, _client.Stop.Cancel);
        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume", "--concurrency", "1"));
        _client.Stop = new CancellationTokenSource();
        File.AppendAllLines(file, [SendHarness.Event(Lines + 61)]);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));

        Assert.Equal(SendHarness.Events(Lines + 61).Order(), api.Records.Order());
        Assert.Contains($"{Lines + 61} lines sent, {Lines + 61} accepted", _client.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(Lines - 2)]
    public async Task A_file_overwritten_in_place_during_its_send_is_detected(int line)
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        At(api, 10, () => Overwrite(file, line));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));

        Assert.Contains($"{file} was overwritten during the send", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--resume", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Overwriting_a_part_that_an_earlier_process_sent_is_detected()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        await _client.SendAsync(api, file);
        File.AppendAllLines(file, Enumerable.Range(Lines + 1, 10).Select(SendHarness.Event));
        At(api, Lines + 5, () => Overwrite(file, 2));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume", "--concurrency", "1"));

        Assert.Contains("was overwritten during the send", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Follow_sends_appended_lines_until_Ctrl_C_and_exits_0()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        var following = _client.SendAsync(api, file, "--follow");
        await Eventually.IsTrueAsync(() => api.Records.Count == Lines);

        // A line that arrives in two pieces is one line.
        var text = SendHarness.Event(Lines + 1);
        File.AppendAllText(file, text[..20]);
        await Task.Delay(500);
        File.AppendAllText(file, text[20..] + "\n");
        await Eventually.IsTrueAsync(() => api.Records.Count == Lines + 1);
        api.Delay = TimeSpan.FromMilliseconds(20);
        File.AppendAllLines(file, Enumerable.Range(Lines + 2, 50).Select(SendHarness.Event));
        await _client.Stop.CancelAsync();

        Assert.Equal(ExitCodes.Done, await following.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(SendHarness.Events(Lines + 51).Order(), api.Records.Order());
        Assert.Contains($"{Lines + 51} lines sent, {Lines + 51} accepted, 0 rejected", _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Follow_reports_an_incomplete_line_and_does_not_send_it()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(2));
        File.AppendAllText(file, SendHarness.Event(3));
        var following = _client.SendAsync(api, file, "--follow");
        await Eventually.IsTrueAsync(() => api.Records.Count == 2);
        await _client.Stop.CancelAsync();

        Assert.Equal(ExitCodes.NotDone, await following.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains("bytes at its end do not form a whole line yet; they were not sent. Send them with: ", _client.Error, StringComparison.Ordinal);

        _client.Stop = new CancellationTokenSource();
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(3).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Truncating_a_followed_file_ends_the_send_with_one_line()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(Lines));
        var following = _client.SendAsync(api, file, "--follow");
        await Eventually.IsTrueAsync(() => api.Records.Count == Lines);
        await Task.Delay(300);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(0);
        }

        Assert.Equal(ExitCodes.NotDone, await following.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains("was truncated during --follow", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--follow needs exactly one file", "-")]
    [InlineData("--follow needs exactly one file", "a", "b")]
    public async Task Follow_accepts_exactly_one_file(string message, params string[] files)
    {
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync(["send", .. files, "--follow"]));
        Assert.Contains(message, _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_name_with_a_leading_dash_is_accepted_after_two_dashes()
    {
        await using var api = await FakeApi.StartAsync();
        var name = $"-{Guid.NewGuid():N}.jsonl";
        File.WriteAllText(name, SendHarness.Event(1) + "\n");
        try
        {
            Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("send", name, "--url", api.Url.ToString()));
            Assert.Equal(ExitCodes.Done, await _client.RunAsync("send", "--url", api.Url.ToString(), "--", name));
            Assert.Single(api.Records);
        }
        finally
        {
            File.Delete(name);
        }
    }

    /// <summary>Runs an action when the given POST arrives.</summary>
    private static void At(FakeApi api, int request, Action action) => api.Before = (_, number) =>
    {
        if (number == request)
        {
            action();
        }

        return Task.FromResult(false);
    };

    /// <summary>Changes one digit in the file, but not its length.</summary>
    private static void Overwrite(string file, int line)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stream.Position = SendHarness.Events(line).Sum(text => text.Length + 1L) - 3;
        stream.WriteByte((byte)'x');
    }

    private static void Pack(string file, IEnumerable<string> lines)
    {
        using var packed = new GZipStream(new FileStream(file, FileMode.Append), CompressionLevel.Fastest);
        packed.Write(System.Text.Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
    }
}

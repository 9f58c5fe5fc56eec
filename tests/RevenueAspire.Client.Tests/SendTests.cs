using System.Text;
using RevenueAspire.Client.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>What is sent, in which requests, and what happens to bad lines.</summary>
public sealed class SendTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Every_line_is_sent_once_with_a_key_of_its_own()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(500));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));

        Assert.Equal(SendHarness.Events(500).Order(), api.Records.Order());
        Assert.Equal(500, api.Keys.Distinct().Count());
        Assert.All(api.Keys, key => Assert.Matches("^[!-~]{1,128}$", key));
        Assert.Contains("500 lines sent, 500 accepted, 0 rejected", _client.Out, StringComparison.Ordinal);
        Assert.Null(SendHarness.Rejected(file));
    }

    [Fact]
    public async Task The_same_file_again_is_sent_again()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(5));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));

        Assert.Equal(10, api.Records.Count);
        Assert.DoesNotContain("warning", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_files_are_sent_one_after_the_other()
    {
        await using var api = await FakeApi.StartAsync();

        Assert.Equal(ExitCodes.Rejected, await _client.RunAsync(
            "send", _client.Write("a.jsonl", SendHarness.Events(5)), _client.Write("b.jsonl", "bad"), _client.Write("c.jsonl", SendHarness.Events(7)), "--url", api.Url.ToString()));

        Assert.Equal(12, api.Records.Count);
        Assert.Equal(3, _client.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task No_more_requests_are_in_flight_than_asked_for(int concurrency)
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(20);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(concurrency * 10)), "--concurrency", $"{concurrency}"));

        Assert.Equal(concurrency, api.MaxInFlight);
    }

    [Fact]
    public async Task Blank_lines_CRLF_a_BOM_and_a_missing_last_newline_are_no_errors()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("a.jsonl");
        File.WriteAllText(file, $"\n \t\r\n{SendHarness.Event(1)}\r\n\n\n{SendHarness.Event(2)}\n   \n{SendHarness.Event(3)}", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));
        Assert.Equal(SendHarness.Events(3).Order(), api.Records.Order());

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--batch", "2"));
        Assert.Equal(6, api.Records.Count);
    }

    [Fact]
    public async Task An_empty_file_is_done()
    {
        await using var api = await FakeApi.StartAsync();

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl")));

        Assert.Contains("0 lines sent", _client.Out, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1")]
    [InlineData("4")]
    [InlineData("1000")]
    public async Task Bad_lines_are_named_and_written_byte_for_byte_and_the_rest_is_sent(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("a.jsonl");
        byte[] invalid = [.. "{\"userId\":\""u8, 0xff, 0xfe, .. "\""u8];
        using (var stream = File.Create(file))
        {
            stream.Write(Encoding.UTF8.GetBytes(SendHarness.Event(1) + "\n\nbad one  \r\n" + SendHarness.Event(2) + "\n"));
            stream.Write(invalid);
            stream.Write(Encoding.UTF8.GetBytes("\n" + SendHarness.Event(3) + "\n{\"x\":1}"));
        }

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Equal(SendHarness.Events(3).Order(), api.Records.Order());
        Assert.Equal([.. "bad one  \r\n"u8, .. invalid, .. "\n{\"x\":1}\n"u8], File.ReadAllBytes(file + ".rejected.jsonl"));
        Assert.Equal([$"{file}:3: not JSON", $"{file}:5: not JSON", $"{file}:7: userId is missing"], _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("6 lines sent, 3 accepted, 3 rejected", _client.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("100")]
    public async Task A_line_that_is_too_long_is_rejected_without_being_sent(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        var longest = $$"""{"userId":"u","pad":"{{new string('x', 65536 - 23)}}"}""";
        Assert.Equal(65536, longest.Length);
        var huge = new string('y', 3_000_000);
        var file = _client.Write("a.jsonl", SendHarness.Event(1), longest, longest + " ", SendHarness.Event(2), huge, SendHarness.Event(3));

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Equal(4, api.Records.Count);
        Assert.DoesNotContain(api.Bodies, body => body.Contains('y', StringComparison.Ordinal));
        Assert.Equal([longest + " ", huge], SendHarness.Rejected(file)!);
        Assert.Contains($"{file}:3: the line is longer than 65536 bytes", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"{file}:5: ", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_bad_lines_are_named_and_the_others_counted()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", Enumerable.Range(0, 250).Select(i => $"bad {i}"));

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file));

        var lines = _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(11, lines.Length);
        Assert.Equal($"{file}: and 240 more rejected lines", lines[^1]);
        Assert.Equal(Enumerable.Range(0, 250).Select(i => $"bad {i}"), SendHarness.Rejected(file)!);
    }

    [Fact]
    public async Task A_batch_holds_so_many_lines_and_no_blank_ones()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(25).SelectMany(line => new[] { line, "", " " }));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--batch", "10", "--concurrency", "1"));

        Assert.Equal([10, 10, 5], api.Bodies.Select(body => body.Count(c => c == '\n')));
        Assert.Equal(SendHarness.Events(25), api.Records);
    }

    [Fact]
    public async Task A_batch_stays_below_its_size_in_bytes()
    {
        await using var api = await FakeApi.StartAsync();
        var line = $$"""{"userId":"u","pad":"{{new string('x', 60_000)}}"}""";

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", Enumerable.Repeat(line, 200)), "--batch", "100000", "--concurrency", "2"));

        Assert.Equal(200, api.Records.Count);
        Assert.All(api.Bodies, body => Assert.InRange(body.Length, 1, 4 << 20));
        Assert.Equal(3, api.Bodies.Count);
    }

    [Fact]
    public async Task A_batch_that_is_too_large_for_the_api_is_split()
    {
        await using var api = await FakeApi.StartAsync();
        api.MaxBatchBytes = 300;
        string[] lines = [.. SendHarness.Events(40), "bad", .. SendHarness.Events(3), new string('z', 400), .. SendHarness.Events(6)];
        var file = _client.Write("a.jsonl", lines);

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, "--batch", "25", "--concurrency", "1"));

        Assert.Equal(lines.Where(line => line[0] == '{'), api.Records);
        Assert.Equal(["bad", new string('z', 400)], SendHarness.Rejected(file)!);
        Assert.Contains($"{file}:41: not JSON", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"{file}:45: too large", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_rejected_lines_of_a_batch_are_found_where_the_api_lists_only_the_first_hundred()
    {
        await using var api = await FakeApi.StartAsync();
        string[] lines = [.. Enumerable.Range(1, 600).Select(i => i % 3 == 0 ? SendHarness.Event(i) : $"bad {i}")];
        var file = _client.Write("a.jsonl", lines);

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, "--batch", "300"));

        Assert.Equal(lines.Where(line => line[0] == '{').Order(), api.Records.Order());
        Assert.Equal(lines.Where(line => line[0] != '{'), SendHarness.Rejected(file)!);
    }

    [Fact]
    public async Task A_batch_without_a_single_event_is_rejected_as_a_whole()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", Enumerable.Range(0, 250).Select(i => $"bad {i}"));

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, "--batch", "250"));

        Assert.Equal(250, SendHarness.Rejected(file)!.Length);
        Assert.Single(api.Keys);
    }

    [Fact]
    public async Task Rejected_lines_that_cannot_be_written_stop_the_run_before_progress_passes_them()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", "bad", SendHarness.Event(1));
        Directory.CreateDirectory(file + ".rejected.jsonl");

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));
        Assert.Contains("Rejected lines cannot be written", _client.Error, StringComparison.Ordinal);
        Directory.Delete(file + ".rejected.jsonl");

        Assert.Equal(ExitCodes.Rejected, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(["bad"], SendHarness.Rejected(file)!);
        Assert.Single(api.Records);
    }
}

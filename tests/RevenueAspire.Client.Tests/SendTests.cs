using System.Text;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>The requests of a send, and its handling of bad lines.</summary>
public sealed class SendTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Every_line_is_sent_once_with_a_unique_key()
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
    public async Task A_second_send_sends_the_same_file_again()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(5));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));

        Assert.Equal(10, api.Records.Count);
        Assert.DoesNotContain("warning", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_files_are_sent_in_sequence()
    {
        await using var api = await FakeApi.StartAsync();

        Assert.Equal(ExitCodes.SomeRejected, await _client.RunAsync(
            "send", _client.Write(
                "a.jsonl",
                SendHarness.Events(5)), _client.Write("b.jsonl", "bad"), _client.Write("c.jsonl", SendHarness.Events(7)), "--url", api.Url.ToString()));

        Assert.Equal(12, api.Records.Count);
        Assert.Equal(3, _client.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Concurrency_limits_the_requests_in_flight(int concurrency)
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(20);

        Assert.Equal(
            ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(concurrency * 10)), "--concurrency", $"{concurrency}"));

        Assert.Equal(concurrency, api.MaxInFlight);
    }

    [Fact]
    public async Task Blank_lines_CRLF_a_BOM_and_a_missing_last_newline_are_accepted()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Path("a.jsonl");
        File.WriteAllText(
            file,
            $"\n \t\r\n{SendHarness.Event(1)}\r\n\n\n{SendHarness.Event(2)}\n   \n{SendHarness.Event(3)}",
            new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

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
    public async Task Bad_lines_are_reported_and_written_byte_for_byte_and_the_others_are_sent(string? batch)
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

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Equal(SendHarness.Events(3).Order(), api.Records.Order());
        Assert.Equal([.. "bad one  \r\n"u8, .. invalid, .. "\n{\"x\":1}\n"u8], File.ReadAllBytes(file + ".rejected.jsonl"));
        Assert.Equal(
            [$"{file}:3: not JSON", $"{file}:5: not JSON", $"{file}:7: userId is missing"], _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
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

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Equal(4, api.Records.Count);
        Assert.DoesNotContain(api.Bodies, body => body.Contains('y', StringComparison.Ordinal));
        Assert.Equal([longest + " ", huge], SendHarness.Rejected(file)!);
        Assert.Contains($"{file}:3: the line is longer than 65536 bytes", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"{file}:5: ", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_bad_lines_are_printed_and_the_others_counted()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", Enumerable.Range(0, 250).Select(i => $"bad {i}"));

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));

        var lines = _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(11, lines.Length);
        Assert.Equal($"{file}: and 240 more rejected lines", lines[^1]);
        Assert.Equal(Enumerable.Range(0, 250).Select(i => $"bad {i}"), SendHarness.Rejected(file)!);
    }

    [Fact]
    public async Task A_batch_has_the_given_number_of_lines_and_no_blank_ones()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(25).SelectMany(line => new[] { line, "", " " }));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--batch", "10", "--concurrency", "1"));

        Assert.Equal([10, 10, 5], api.Bodies.Select(body => body.Count(c => c == '\n')));
        Assert.Equal(SendHarness.Events(25), api.Records);
    }

    [Fact]
    public async Task A_batch_stays_below_the_limit_in_bytes()
    {
        await using var api = await FakeApi.StartAsync();
        var line = $$"""{"userId":"u","pad":"{{new string('x', 60_000)}}"}""";

        Assert.Equal(
            ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", Enumerable.Repeat(line, 200)), "--batch", "100000", "--concurrency", "2"));

        Assert.Equal(200, api.Records.Count);
        Assert.All(api.Bodies, body => Assert.InRange(body.Length, 1, 4 << 20));
        Assert.Equal(3, api.Bodies.Count);
    }

    [Fact]
    public async Task A_batch_too_large_for_the_api_is_split()
    {
        await using var api = await FakeApi.StartAsync();
        api.MaxBatchBytes = 300;
        string[] lines = [.. SendHarness.Events(40), "bad", .. SendHarness.Events(3), new string('z', 400), .. SendHarness.Events(6)];
        var file = _client.Write("a.jsonl", lines);

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--batch", "25", "--concurrency", "1"));

        Assert.Equal(lines.Where(line => line[0] == '{'), api.Records);
        Assert.Equal(["bad", new string('z', 400)], SendHarness.Rejected(file)!);
        Assert.Contains($"{file}:41: not JSON", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"{file}:45: too large", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_requests_all_its_rejected_lines_and_sends_no_line_twice()
    {
        await using var api = await FakeApi.StartAsync();
        string[] lines = [.. Enumerable.Range(1, 600).Select(i => i % 3 == 0 ? SendHarness.Event(i) : $"bad {i}")];
        var file = _client.Write("a.jsonl", lines);

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--batch", "300"));

        Assert.Equal(2, api.Keys.Count);
        Assert.Equal(lines.Where(line => line[0] == '{').Order(), api.Records.Order());
        Assert.Equal(lines.Where(line => line[0] != '{'), SendHarness.Rejected(file)!);
    }

    [Fact]
    public async Task A_batch_without_a_single_event_is_rejected_as_a_whole()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", Enumerable.Range(0, 250).Select(i => $"bad {i}"));

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--batch", "250"));

        Assert.Equal(250, SendHarness.Rejected(file)!.Length);
        Assert.Single(api.Keys);
    }

    [Fact]
    public async Task An_api_that_lists_fewer_rejected_lines_than_it_counts_stops_the_run()
    {
        await using var api = await FakeApi.StartAsync();
        api.KnowsListed = false;
        string[] lines = [.. Enumerable.Range(1, 150).Select(i => $"bad {i}"), SendHarness.Event(1)];

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", lines), "--batch", "200"));

        Assert.Contains("the API rejected 150 lines but listed only 100", _client.Error, StringComparison.Ordinal);
        Assert.Single(api.Keys);
    }

    [Theory]
    [InlineData("""[{"line":1,"reason":"x"},{"line":1,"reason":"x"}]""")]
    [InlineData("""[{"line":0,"reason":"x"},{"line":1,"reason":"x"}]""")]
    [InlineData("""[{"line":1,"reason":"x"},{"line":4,"reason":"x"}]""")]
    public async Task An_invalid_list_of_rejected_lines_stops_the_run_with_one_line(string list)
    {
        await using var api = await FakeApi.StartAsync();
        api.RejectedList = list;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", "bad", "bad", SendHarness.Event(1)), "--batch", "3"));

        Assert.Contains("the answer is invalid", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bug_in_one_part_ends_the_run_instead_of_hanging_it()
    {
        await using var api = await FakeApi.StartAsync();
        var path = _client.Write("a.jsonl", SendHarness.Events(5000));
        using var http = new HttpClient(new FailingHandler()) { Timeout = Timeout.InfiniteTimeSpan };
        var connection = new Http.ApiConnection(http, api.Url, new Credentials.SharedSecret(FakeApi.Secret));
        using var job = await Sending.SendJob.CreateAsync(
            Input.InputFile.Open(path), Journal.RunJournal.Open(
                _client.JournalDirectory, "send-x", path), api.Url, batch: 0, DateTimeOffset.UtcNow, CancellationToken.None);
        job.Begin(null);
        var limit = TimeSpan.FromSeconds(5);
        var settings = new Sending.SendSettings { Concurrency = 4, RequestTimeout = limit, GiveUpAfter = limit, StartPatience = limit };
        using var run = new Sending.SendRun(job, connection, settings, new Silence(), TimeProvider.System);

        await Assert.ThrowsAsync<NotSupportedException>(() => run.RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Rejected_lines_are_written_next_to_the_journal_if_the_folder_is_not_writable()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", "bad", SendHarness.Event(1), "worse");
        // A directory of that name simulates a read-only folder, since root may write to read-only folders.
        Directory.CreateDirectory(file + ".rejected.jsonl");

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));

        var elsewhere = Assert.Single(Directory.GetFiles(_client.JournalDirectory, "*.a.jsonl.rejected.jsonl"));
        Assert.Equal(["bad", "worse"], File.ReadAllLines(elsewhere));
        Assert.Contains($"the rejected lines go to {elsewhere}", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"the rejected lines are in {elsewhere}", _client.Out, StringComparison.Ordinal);
        Assert.Single(api.Records);
    }

    [Fact]
    public async Task A_read_only_folder_does_not_stop_a_run()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "File modes do not bind this user.");
        await using var api = await FakeApi.StartAsync();
        Directory.CreateDirectory(_client.Path("closed"));
        var file = _client.Write("closed/a.jsonl", "bad", SendHarness.Event(1));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_client.Path("closed"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));
            File.SetUnixFileMode(_client.Path("closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Assert.Single(api.Records);
    }

    [Fact]
    public async Task An_existing_file_of_rejected_lines_is_moved_aside_and_named()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", "bad", SendHarness.Event(1));
        File.WriteAllText(file + ".rejected.jsonl", "corrected by hand\n");
        File.WriteAllText(file + ".rejected.1.jsonl", "older\n");

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));

        Assert.Equal("bad\n", File.ReadAllText(file + ".rejected.jsonl"));
        Assert.Equal("older\n", File.ReadAllText(file + ".rejected.1.jsonl"));
        Assert.Equal("corrected by hand\n", File.ReadAllText(file + ".rejected.2.jsonl"));
        Assert.Contains($"they are now in {file}.rejected.2.jsonl", _client.Error, StringComparison.Ordinal);

        // Writing the same lines again leaves no second copy.
        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));
        Assert.False(File.Exists(file + ".rejected.3.jsonl"));
    }

    [Fact]
    public async Task A_file_with_rejected_lines_of_another_file_is_skipped()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(2));
        var rejected = _client.Write("a.jsonl.rejected.jsonl", "bad");

        var moved = _client.Write("a.jsonl.rejected.12.jsonl", "bad");

        Assert.Equal(ExitCodes.Done, await _client.RunAsync("send", file, rejected, moved, "--url", api.Url.ToString(), "--json"));

        Assert.Contains($"{rejected} contains rejected lines of {file} and is skipped", _client.Error, StringComparison.Ordinal);
        Assert.Contains($$"""{"file":"{{moved}}","state":"left out","lines":0""", _client.Out, StringComparison.Ordinal);
        Assert.Equal(SendHarness.Events(2).Order(), api.Records.Order());
        Assert.Equal(["bad"], File.ReadAllLines(rejected));
    }

    [Fact]
    public async Task Rejected_lines_that_cannot_be_written_anywhere_stop_the_run_before_they_are_counted()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", "bad", SendHarness.Event(1));
        var elsewhere = Path.Combine(_client.JournalDirectory, Journal.JournalNames.Send(file, api.LogId, api.Url) + ".a.jsonl.rejected.jsonl");
        Directory.CreateDirectory(file + ".rejected.jsonl");
        Directory.CreateDirectory(elsewhere);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));
        Assert.Contains("Rejected lines cannot be written", _client.Error, StringComparison.Ordinal);
        Directory.Delete(file + ".rejected.jsonl");

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(["bad"], SendHarness.Rejected(file)!);
        Assert.Single(api.Records);
    }

    private sealed class FailingHandler : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new NotSupportedException("a bug");
    }

    private sealed class Silence : Sending.ISendObserver
    {
        public void Rejected(string file, Sending.RejectedLine line)
        {
        }

        public void Waiting(string reason)
        {
        }

        public void Warning(string text)
        {
        }
    }
}

using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>The journal of a stopped run, and the conditions for resuming it.</summary>
public sealed class ResumeTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("3")]
    public async Task Ctrl_C_stops_cleanly_and_resume_continues(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        string[] options = batch is null ? [] : ["--batch", batch];
        string[] lines = [.. Enumerable.Range(1, 60).Select(i => i % 10 == 0 ? $"bad {i}" : SendHarness.Event(i))];
        var file = _client.Write("a.jsonl", lines);
        await StopAtAsync(api, 12, () => _client.SendAsync(api, file, [.. options, "--concurrency", "2"]));
        Assert.Contains("Stopped.", _client.Error, StringComparison.Ordinal);
        Assert.Contains("--resume", _client.Error, StringComparison.Ordinal);
        Assert.InRange(api.Records.Count, 1, 50);

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--resume"));

        Assert.Equal(lines.Where(line => line[0] == '{').Order(), api.Records.Order());
        Assert.Equal(lines.Where(line => line[0] != '{'), SendHarness.Rejected(file)!);
        Assert.Contains("60 lines sent, 54 accepted, 6 rejected", _client.Out, StringComparison.Ordinal);
        Assert.Contains("continuing after line", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_sent_before_the_journal_is_on_disk()
    {
        await using var api = await FakeApi.StartAsync();
        var found = 0;
        api.Before = (_, _) =>
        {
            found = Directory.GetFiles(_client.JournalDirectory, "send-*.json").Length;
            return Task.FromResult(false);
        };

        await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1)));

        Assert.Equal(1, found);
    }

    [Fact]
    public async Task Without_a_run_there_is_nothing_to_resume()
    {
        await using var api = await FakeApi.StartAsync();

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1)), "--resume"));

        Assert.Contains("Nothing to resume", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task Resuming_a_finished_run_succeeds_and_sends_nothing()
    {
        await using var api = await FakeApi.StartAsync();
        var good = _client.Write("good.jsonl", SendHarness.Events(4));
        var bad = _client.Write("bad.jsonl", SendHarness.Event(5), "bad");
        await _client.RunAsync("send", good, bad, "--url", api.Url.ToString());
        var sent = api.Keys.Count;

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, good, "--resume"));
        Assert.Equal($"{good}: an earlier send completed this file: 4 lines sent, 4 accepted, 0 rejected\n", _client.Out);
        Assert.Equal(ExitCodes.SomeRejected, await _client.RunAsync("send", good, bad, "--url", api.Url.ToString(), "--resume"));
        Assert.Contains($"2 lines sent, 1 accepted, 1 rejected; the rejected lines are in {bad}.rejected.jsonl", _client.Out, StringComparison.Ordinal);

        Assert.Empty(_client.Error);
        Assert.Equal(sent, api.Keys.Count);
    }

    [Fact]
    public async Task A_finished_run_is_not_reported_as_done_after_its_file_changed()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(4));
        await _client.SendAsync(api, file);
        _client.Write("a.jsonl", SendHarness.Events(5)[1..]);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));
        Assert.Contains("has changed since", _client.Error, StringComparison.Ordinal);

        _client.Write("a.jsonl", SendHarness.Events(6));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(6), api.Records.Order());
        Assert.Contains("6 lines sent, 6 accepted", _client.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_in_the_part_that_may_have_been_sent_is_refused(bool nothingIsAnswered)
    {
        await using var api = await FakeApi.StartAsync();
        var lines = SendHarness.Events(40);
        var file = _client.Write("a.jsonl", lines);
        api.LosesAnswer = (context, _) => nothingIsAnswered || context.Request.Headers["Idempotency-Key"].ToString().EndsWith("-0", StringComparison.Ordinal);
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "4"));
        api.LosesAnswer = (_, _) => false;
        var records = api.Records.Count;
        // An extra byte in an unanswered line shifts the keys of all later lines.
        lines[30] = lines[30].Replace("add_revenue", "add_revenue ", StringComparison.Ordinal);
        _client.Write("a.jsonl", lines);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains("has changed since", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Continue with", _client.Error, StringComparison.Ordinal);
        Assert.Equal(records, api.Records.Count);
    }

    [Theory]
    [InlineData("set back", "an older copy was restored")]
    [InlineData("another", "has another log")]
    public async Task A_restored_older_log_or_another_log_is_refused_and_nothing_is_sent(string log, string reason)
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        (api.LogId, api.Offset) = log == "another" ? (Guid.NewGuid(), api.Offset) : (api.LogId, 1000);
        var sent = api.Keys.Count;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains(reason, _client.Error, StringComparison.Ordinal);
        Assert.Equal(sent, api.Keys.Count);
    }

    [Fact]
    public async Task A_run_that_sent_nothing_begins_with_the_present_log_and_file()
    {
        await using var api = await FakeApi.StartAsync();
        var first = _client.Write("first.jsonl", SendHarness.Events(40));
        var second = _client.Write("second.jsonl", SendHarness.Events(3));
        await StopAtAsync(api, 5, () => _client.RunAsync("send", first, second, "--url", api.Url.ToString(), "--concurrency", "1"));
        // The second file was not yet begun when the log was replaced. The test stops its resumed run and resumes it again.
        api.LogId = Guid.NewGuid();
        api.KeysFrom = api.Offset;
        _client.Write("second.jsonl", SendHarness.Events(30));

        await StopAtAsync(api, 5, () => _client.SendAsync(api, second, "--concurrency", "1", "--resume"));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, second, "--resume"));

        Assert.Contains("30 lines sent, 30 accepted", _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_send_despite_an_unfinished_one_warns_and_sends_all()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 10, () => _client.SendAsync(api, file, "--concurrency", "1"));
        var before = api.Records.Count;

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));

        Assert.Contains("warning: an earlier send of", _client.Error, StringComparison.Ordinal);
        Assert.Equal(before + 40, api.Records.Count);
    }

    [Fact]
    public async Task Resume_of_several_files_sends_the_remaining_lines()
    {
        await using var api = await FakeApi.StartAsync();
        var (a, b, c) = (
            _client.Write("a.jsonl", SendHarness.Events(10)),
            _client.Write("b.jsonl", SendHarness.Events(20)),
            _client.Write("c.jsonl", SendHarness.Events(30)));
        string[] args = ["send", a, b, c, "--url", api.Url.ToString(), "--concurrency", "1"];
        await StopAtAsync(api, 15, () => _client.RunAsync(args));

        Assert.Equal(ExitCodes.Done, await _client.RunAsync([.. args, "--resume"]));

        Assert.Equal(60, api.Records.Count);
    }

    [Fact]
    public async Task A_change_in_the_sent_part_is_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        var bytes = File.ReadAllBytes(file);
        bytes[12] ^= 1;
        File.WriteAllBytes(file, bytes);
        var sent = api.Keys.Count;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains("has changed since", _client.Error, StringComparison.Ordinal);
        Assert.Equal(sent, api.Keys.Count);
    }

    [Fact]
    public async Task A_truncated_file_is_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        _client.Write("a.jsonl", SendHarness.Events(30));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains("is shorter", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_also_sends_appended_lines()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        File.AppendAllText(file, SendHarness.Event(41) + "\n");

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));

        Assert.Equal(SendHarness.Events(41).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Another_batch_size_is_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 5, () => _client.SendAsync(api, file, "--concurrency", "1", "--batch", "3"));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume", "--batch", "4"));
        Assert.Contains("--batch 3", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume", "--batch", "3"));
        Assert.Equal(SendHarness.Events(40).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Open_requests_older_than_the_remembered_keys_are_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        var sent = api.Keys.Count;
        api.KeysFrom = api.Offset;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));
        Assert.Contains("the API no longer remembers the keys of its open requests", _client.Error, StringComparison.Ordinal);
        Assert.Equal(sent, api.Keys.Count);

        // The reader is a few requests ahead of the answers. So the age of the oldest open request is a receipt shortly before the last one.
        api.KeysFrom = api.Offset - 800;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
    }

    [Fact]
    public async Task Open_requests_keep_the_age_recorded_by_the_first_process()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        var first = api.Offset;
        api.Offset += 100_000;
        // Stop the second process while requests that the first may have sent are still open.
        await StopAtAsync(api, 5, () => _client.SendAsync(api, file, "--concurrency", "1", "--resume"));
        api.KeysFrom = first + 50_000;

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));

        Assert.Contains("no longer remembers the keys of its open requests", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_shared_keys_receipts_may_be_of_many_logs_and_the_position_of_the_keys_is_the_age()
    {
        await using var api = await FakeApi.StartAsync();
        api.KeysShared = true;
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        api.KeysFrom = api.Offset;

        // Offsets of receipts are not positions among shared keys, so the run's age is the last position that the API reported.
        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));
        Assert.Contains("the API no longer remembers the keys of its open requests", _client.Error, StringComparison.Ordinal);

        api.KeysFrom = 1000;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(40).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_long_run_with_shared_keys_uses_the_position_that_the_api_last_reported()
    {
        await using var api = await FakeApi.StartAsync();
        api.KeysShared = true;
        var lost = false;
        api.Before = async (_, number) =>
        {
            if (number == 2)
            {
                // Other clients have sent so many requests that the API has forgotten this run's first keys.
                api.KeysFrom = api.Offset += 1_000_000;
                var reads = api.StateReads;
                await Eventually.IsTrueAsync(() => Task.FromResult(api.StateReads > reads + 1));
            }

            return false;
        };
        api.LosesAnswer = (_, number) => number == 30 && (lost = true);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(40)), "--concurrency", "1", "--rate", "20"));

        Assert.True(lost);
        Assert.Equal(SendHarness.Events(40).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Send_waits_for_a_log_that_is_temporarily_unreadable()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        api.UnreadableReads = 1;
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        Assert.Contains("cannot be read at present", _client.Error, StringComparison.Ordinal);

        api.UnreadableReads = 1;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(40).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_send_to_an_api_without_key_state_works_but_cannot_be_resumed()
    {
        await using var api = await FakeApi.StartAsync();
        api.TellsLog = false;
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        await StopAtAsync(api, 20, () => _client.SendAsync(api, file, "--concurrency", "1"));
        Assert.Contains("cannot be resumed after a kill", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));
        Assert.Contains("does not report which keys it remembers", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_process_for_the_same_file_is_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(4));
        using var other = Journal.RunJournal.Open(_client.JournalDirectory, Journal.JournalNames.Send(file, api.LogId, api.Url), file);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));

        Assert.Contains("Another process is sending", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task A_lock_that_cannot_be_created_is_not_reported_as_another_process()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(4));
        Directory.CreateDirectory(Path.Combine(_client.JournalDirectory, Journal.JournalNames.Send(file, api.LogId, api.Url) + ".json.lock"));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));

        Assert.DoesNotContain("nother process", _client.Error, StringComparison.Ordinal);
        Assert.Contains("Progress cannot be saved", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_journal_is_named_and_a_new_send_replaces_it()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(4));
        await _client.SendAsync(api, file);
        File.WriteAllText(Directory.GetFiles(_client.JournalDirectory, "send-*.json").Single(), "{");

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--resume"));
        Assert.Contains("cannot be read", _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));
    }

    /// <summary>Runs a command and stops it after it has sent the given number of requests.</summary>
    private async Task StopAtAsync(FakeApi api, int requests, Func<Task<int>> run)
    {
        var sent = 0;
        var stop = _client.Stop;
        api.Delay = TimeSpan.FromMilliseconds(5);
        api.Before = (_, _) =>
        {
            if (Interlocked.Increment(ref sent) == requests)
            {
                stop.Cancel();
            }

            return Task.FromResult(false);
        };
        Assert.Equal(ExitCodes.NotDone, await run());
        Assert.InRange(sent, requests, requests + 8);
        api.Before = (_, _) => Task.FromResult(false);
        api.Delay = TimeSpan.Zero;
        _client.Stop = new CancellationTokenSource();
        stop.Dispose();
    }
}

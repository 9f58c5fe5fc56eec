using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>Open requests are limited in number, and the journal records them before they are sent.</summary>
public sealed class WindowTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task No_request_is_sent_beyond_the_window_in_the_journal_on_disk()
    {
        await using var api = await FakeApi.StartAsync();
        var beyond = new ConcurrentQueue<long>();
        var maxOffset = 0L;
        var maxOffsetDuringHang = 0L;
        api.Before = async (context, number) =>
        {
            var offset = long.Parse(context.Request.Headers["Idempotency-Key"].ToString().Split('-')[1], CultureInfo.InvariantCulture);
            InterlockedMax(ref maxOffset, offset);
            if (offset >= ReadJournal().OpenThrough)
            {
                beyond.Enqueue(offset);
            }

            if (offset == 0)
            {
                // The oldest request hangs, so the others may run ahead only up to the window.
                await Task.Delay(TimeSpan.FromSeconds(2));
                maxOffsetDuringHang = Volatile.Read(ref maxOffset);
            }

            return false;
        };
        var line = $$"""{"userId":"u","pad":"{{new string('x', 60_000)}}"}""";
        var file = _client.Write("a.jsonl", Enumerable.Repeat(line, 350));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file));

        Assert.Equal(350, api.Records.Count);
        Assert.Empty(beyond);
        Assert.InRange(maxOffsetDuringHang, 1 << 20, 8 << 20);
        Assert.True(maxOffset > 20_000_000);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("10")]
    public async Task A_gap_larger_than_the_window_does_not_stop_the_run(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        var blank = string.Concat(Enumerable.Repeat(new string(' ', 60_000) + "\n\n", batch is null ? 150 : 1150));
        var file = _client.Path("a.jsonl");
        File.WriteAllText(
            file, SendHarness.Event(1) + "\n" + blank + SendHarness.Event(2) + "\n" + new string('z', 200_000) + "\n" + blank + SendHarness.Event(3));

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Equal(SendHarness.Events(3).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Rejected_lines_that_a_killed_process_wrote_after_its_last_save_are_not_written_twice()
    {
        var path = _client.Write("a.jsonl", "bad 1", "bad 2", "bad 3");
        using var input = InputFile.Open(path);
        long saved;
        var other = _client.Path("elsewhere.jsonl");
        using (var first = new RejectedFile(input, other, null, 0))
        {
            Assert.Equal(RejectedFile.PathFor(path), first.Claim(_ => { }));
            await first.AppendAsync([new RejectedLine(1, "", "bad 1"u8.ToArray())], CancellationToken.None);
            saved = first.Length;
            await first.AppendAsync([new RejectedLine(2, "", "bad 2"u8.ToArray())], CancellationToken.None);
        }

        using (var second = new RejectedFile(input, other, RejectedFile.PathFor(path), saved))
        {
            await second.AppendAsync([new RejectedLine(2, "", "bad 2"u8.ToArray()), new RejectedLine(3, "", null, 12, 5)], CancellationToken.None);
        }

        Assert.Equal(["bad 1", "bad 2", "bad 3"], SendHarness.Rejected(path)!);
    }

    [Fact]
    public async Task A_resume_that_ends_before_its_first_request_keeps_the_age_of_open_requests()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(40));
        api.Before = async (_, number) =>
        {
            if (number == 20)
            {
                await _client.Stop.CancelAsync();
            }

            return false;
        };
        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));
        var before = ReadJournal();
        api.Offset += 100_000;

        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
        var connection = new ApiConnection(http, api.Url, new Credentials.SharedSecret(FakeApi.Secret));
        var limit = TimeSpan.FromSeconds(10);
        var settings = new SendSettings { Concurrency = 1, RequestTimeout = limit, GiveUpAfter = limit, StartPatience = limit };
        var display = new SendDisplay(new Terminal(TextWriter.Null, TextWriter.Null, false, () => Stream.Null), TimeProvider.System);
        var log = await LogStateQuery.WaitAsync(connection, settings, display, TimeProvider.System, CancellationToken.None);
        using var job = await new JobOpener(
            _client.JournalDirectory, connection, log, display, TimeProvider.System).ResumeAsync(InputFile.Open(file), null, CancellationToken.None);
        job.Begin(log);
        using var run = new SendRun(job, connection, settings, display, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(new CancellationToken(canceled: true)));

        Assert.True(before.SentThrough < before.OpenThrough && before.AsOf < connection.Log.Highest);
        Assert.Equal(before.AsOf, ReadJournal().AsOf);
    }

    [Fact]
    public void Progress_ends_at_the_first_gap()
    {
        var highest = 100L;
        var tracker = new ProgressTracker(0, 0, () => highest);
        var requests = Enumerable.Range(0, 4).Select(
            i => new OutboundRequest { Offset = i * 10, End = (i * 10) + 10, LastLine = i + 1, Accepted = 1 }).ToList();
        foreach (var request in requests)
        {
            tracker.Add(request);
            highest += 100;
        }

        tracker.Complete(requests[0]);
        tracker.Complete(requests[2]);
        Assert.Equal((10, 1, 200, 1), Numbers(tracker.Take()));

        tracker.Complete(requests[1]);
        Assert.Equal((30, 3, 400, 3), Numbers(tracker.Take()));

        tracker.Complete(requests[3]);
        Assert.Equal((40, 4, 500, 4), Numbers(tracker.Take()));

        static (long, long, long, long) Numbers(Progress progress) => (progress.SentThrough, progress.LinesThrough, progress.AsOf, progress.Accepted);
    }

    private JournalEntry ReadJournal() =>
        JsonSerializer.Deserialize(File.ReadAllBytes(Directory.GetFiles(_client.JournalDirectory, "send-*.json").Single()), JournalJson.Default.JournalEntry)!;

    private static void InterlockedMax(ref long target, long value)
    {
        for (var seen = Volatile.Read(ref target); seen < value;)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }
}

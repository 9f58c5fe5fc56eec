using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>The whole path through the executables, from a client's file to balances over HTTP.</summary>
public sealed class PipelineTests
{
    [Fact]
    public async Task A_file_with_bad_lines_goes_through_api_log_and_two_processors_into_the_ledger()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(nameof(A_file_with_bad_lines_goes_through_api_log_and_two_processors_into_the_ledger)), events: 20_000, users: 500, badEvery: 200);
        await installation.StartApiAsync();
        installation.StartProcessor();
        installation.StartProcessor();

        await using var send = await installation.RunAsync(
            "RevenueAspire.Client", "send", file.Path, "--url", installation.ApiUrl, "--secret", Installation.Secret, "--batch", "500");
        Assert.True(send.ExitCode == 3, $"{send.ExitCode}: {send.Output}");
        Assert.Equal(file.Rejected.Select(line => line.Text), await File.ReadAllLinesAsync(file.Path + ".rejected.jsonl"));
        await installation.AssertLedgerAsync(file.Totals);
        foreach (var (user, revenue) in file.Totals.Users.Take(40))
        {
            Assert.Equal(revenue, await installation.RevenueAsync(user));
        }

        Assert.Null(await installation.RevenueAsync("unknown user"));
    }

    [Fact]
    public async Task Single_events_of_a_file_arrive_once_each()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"), Seed.Random(nameof(Single_events_of_a_file_arrive_once_each)), events: 3_000, users: 50);
        await installation.StartApiAsync();
        installation.StartProcessor();
        await using var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path);
        Assert.True(send.ExitCode == 0, $"{send.ExitCode}: {send.Output}");
        Assert.False(File.Exists(file.Path + ".rejected.jsonl"));
        await installation.AssertLedgerAsync(file.Totals);
    }

    [Fact]
    public async Task After_a_receipt_each_client_reads_its_own_writes()
    {
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        installation.StartProcessor();
        var random = Seed.Random(nameof(After_a_receipt_each_client_reads_its_own_writes));
        var totals = new Totals();
        for (var i = 0; i < 40; i++)
        {
            var e = RevenueEvent.Next(random, users: 20);
            totals.Add(e);
            var receipt = await installation.PostUntilAcknowledgedAsync(e, $"key-{i}");
            Assert.Equal(totals.Users[e.UserId], await installation.RevenueAfterAsync(e.UserId, receipt));
            using var state = JsonDocument.Parse(await installation.Http.GetStringAsync(new Uri("/receipts/" + receipt, UriKind.Relative)));
            Assert.Equal("applied", state.RootElement.GetProperty("state").GetString());
        }

        await installation.AssertLedgerAsync(totals);
    }

    [Fact]
    public async Task Each_process_stops_cleanly_on_a_signal_and_continues_after_a_restart()
    {
        await using var installation = await Installation.CreateAsync();
        var random = Seed.Random(nameof(Each_process_stops_cleanly_on_a_signal_and_continues_after_a_restart));
        var totals = new Totals();
        var api = await installation.StartApiAsync();
        var processor = installation.StartProcessor();
        await SendAsync("first.jsonl");
        await installation.AssertLedgerAsync(totals);

        Assert.Equal(0, await processor.TerminateAsync());
        await SendAsync("without-processor.jsonl");
        processor = installation.StartProcessor();
        await installation.AssertLedgerAsync(totals);

        Assert.Equal(0, await api.TerminateAsync());
        api = await installation.StartApiAsync();
        await SendAsync("after-restart.jsonl");
        await installation.AssertLedgerAsync(totals);
        foreach (var process in new[] { api, processor })
        {
            process.Send(OperatingSystem.IsWindows() ? Signal.Terminate : Signal.Hangup);
            Assert.Equal(0, await process.WaitForExitAsync());
        }

        async Task SendAsync(string name)
        {
            var file = EventFile.Write(installation.File(name), random, events: 1_000, users: 30);
            await using var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--batch", "100");
            Assert.True(send.ExitCode == 0, $"{send.ExitCode}: {send.Output}");
            totals.Add(file.Totals);
        }
    }
}

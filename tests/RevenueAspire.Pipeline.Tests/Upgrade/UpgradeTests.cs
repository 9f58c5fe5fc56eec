using System.Net;
using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Upgrade;

/// <summary>docs/operations.md, Upgrade: the steps under load, with data of an earlier version.</summary>
public sealed class UpgradeTests
{
    public static TheoryData<string> Stored => [.. StoredInstallation.Names];

    [Fact]
    public async Task The_steps_under_a_running_send_lose_nothing_and_count_nothing_twice()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"), Seed.Random(nameof(The_steps_under_a_running_send_lose_nothing_and_count_nothing_twice)),
            events: 3000, users: 50);
        var api = await installation.StartApiAsync();
        ServiceProcess[] processors = [installation.StartProcessor(), installation.StartProcessor()];
        foreach (var processor in processors)
        {
            // Wait until the process handles SIGTERM. Before that, the signal ends it with another exit code.
            await processor.WaitForLineAsync("Following the logs");
        }

        await using var send = installation.Start("RevenueAspire.Client", "send", file.Path, "--rate", "500", "--concurrency", "8");
        await Eventually.IsTrueAsync(() => installation.LogLines() > 100);

        // Stop the processors, then the API; start the API, then the processors.
        foreach (var processor in processors)
        {
            Assert.Equal(0, await processor.TerminateAsync(TimeSpan.FromSeconds(40)));
        }

        Assert.Equal(0, await api.TerminateAsync(TimeSpan.FromSeconds(40)));
        Assert.False(send.HasExited, send.Output);
        await installation.StartApiAsync();
        installation.StartProcessor();
        installation.StartProcessor();

        Assert.True(await send.WaitForExitAsync(TimeSpan.FromSeconds(60)) == 0, send.Output);
        Assert.Equal(file.Events, installation.LogLines());
        await installation.AssertLedgerAsync(file.Totals);
    }

    [Theory]
    [MemberData(nameof(Stored))]
    public async Task Data_of_an_earlier_version_is_taken_over_completely(string version)
    {
        var stored = StoredInstallation.Named(version);
        await using var installation = await Installation.CreateAsync();
        await stored.RestoreAsync(installation);
        var expected = stored.Totals();
        Assert.Equal("", expected.DifferenceTo(await installation.LedgerAsync()));
        await installation.StartApiAsync();
        installation.StartProcessor();

        // The log still knows its old keys and receipts.
        using (var repeat = new HttpRequestMessage(HttpMethod.Post,
            "/liveEvent")
        {
            Content = new StringContent(StoredInstallation.Known.ToJson(), Encoding.UTF8, "application/json"),
        })
        {
            repeat.Headers.Add("Idempotency-Key", StoredInstallation.KnownKey);
            using var answer = await installation.Http.SendAsync(repeat);
            Assert.Equal(
                (HttpStatusCode.Accepted, $$"""{"receipt":"{{stored.KnownReceipt}}"}"""),
                (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }

        Assert.Equal("""{"state":"applied"}""", await installation.Http.GetStringAsync(new Uri("/receipts/" + stored.KnownReceipt, UriKind.Relative)));

        // The file is recognised as counted, and a grown copy continues where it ended.
        var file = installation.File("moved.jsonl");
        File.Copy(stored.InputFile, file);
        await using (var same = await installation.RunAsync("RevenueAspire.Processor", "process", file))
        {
            Assert.Contains("already counted", same.Output, StringComparison.Ordinal);
        }

        var grown = new RevenueEvent("known user", "subtract_revenue", 11);
        await File.AppendAllTextAsync(file, grown.ToJson() + "\n");
        expected.Add(grown);
        await using (var more = await installation.RunAsync("RevenueAspire.Processor", "process", file))
        {
            Assert.Contains("counted what was new", more.Output, StringComparison.Ordinal);
        }

        // Processing continues, and verify folds the records of both versions.
        var e = new RevenueEvent("new user", "add_revenue", 5);
        expected.Add(e);
        var receipt = await installation.PostUntilAcknowledgedAsync(e, "new-key");
        Assert.Equal(5, await installation.RevenueAfterAsync(e.UserId, receipt));
        await installation.AssertLedgerAsync(expected);
    }

    /// <summary>Stores the data of this version if <c>STORE_UPGRADE_DATA=1.0</c> is set; otherwise skipped.</summary>
    [Fact]
    public async Task Data_of_this_version_is_stored_on_request()
    {
        var name = Environment.GetEnvironmentVariable("STORE_UPGRADE_DATA");
        Assert.SkipWhen(name is null, "STORE_UPGRADE_DATA names no version");
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__SegmentBytes"] = "65536";
        var random = new Random(1);
        var api = await installation.StartApiAsync();
        var processor = installation.StartProcessor();
        var totals = new Totals();
        var receipt = await installation.PostUntilAcknowledgedAsync(StoredInstallation.Known, StoredInstallation.KnownKey);
        totals.Add(StoredInstallation.Known);
        for (var number = 0; number < 150; number++)
        {
            var e = RevenueEvent.Next(random, users: 40);
            totals.Add(e);
            await installation.PostUntilAcknowledgedAsync(e, $"key-{number}");
        }

        var file = EventFile.Write(installation.File("input.jsonl"), random, events: 200, users: 40, badEvery: 20);
        await installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
        var sent = EventFile.Write(installation.File("sent.jsonl"), random, events: 700, users: 40);
        await installation.RunAsync("RevenueAspire.Client", "send", sent.Path, "--batch", "50");
        totals.Add(file.Totals);
        totals.Add(sent.Totals);
        await installation.AssertLedgerAsync(totals);
        await processor.TerminateAsync();
        await api.TerminateAsync();
        await StoredInstallation.StoreAsync(name, installation, file.Path, receipt, totals);
    }
}

using System.Text.Json;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Processor.Verifying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Verifying;

/// <summary>A source that cannot be checked does not hide a difference in the rest.</summary>
public sealed class VerifyUncheckedTests
{
    [Fact]
    public async Task M13_users_of_a_missing_source_are_not_checked_and_the_others_are()
    {
        await using var ledger = await WithMissingFileAsync();
        var (result, differences) = await ledger.VerifyAsync();
        Assert.Empty(differences);
        Assert.Equal((1, 2L, false), (result.ExitCode, result.Unchecked!.Users, result.Unchecked.Contradicts));
        Assert.Equal(
            [SourceState.NotChecked, SourceState.Equal], result.Reports.OrderBy(report => report.Name, StringComparer.Ordinal).Select(report => report.State));
    }

    [Theory]
    [InlineData("update users_revenue set revenue = revenue + 1 where user_id = 'kept'")]
    [InlineData("update users_revenue set revenue = revenue + 1 where user_id = 'shared'")]
    [InlineData("update users_revenue set revenue = revenue - 1 where user_id = 'lost'")]
    [InlineData("delete from users_revenue where user_id = 'kept'")]
    [InlineData("delete from users_revenue where user_id = 'lost'")]
    [InlineData("insert into users_revenue values ('extra', 0)")]
    [InlineData("update users_revenue set revenue = revenue + case user_id when 'kept' then 1 else -1 end where user_id in ('kept', 'lost')")]
    [InlineData("update event_source set revenue_through = revenue_through + 1 where name like '%missing%'")]
    public async Task M13_a_wrong_balance_is_found_even_if_another_source_is_missing(string tampering)
    {
        await using var ledger = await WithMissingFileAsync();
        await ledger.ExecuteAsync(tampering);
        foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { MaxUsersInMemory = 1, BlockBytes = 100 } })
        {
            var (result, _) = await ledger.VerifyAsync(options);
            Assert.True(result.ExitCode == 3, $"{result}");
            Assert.Contains("missing.jsonl: no such file", Assert.Single(result.Unread), StringComparison.Ordinal);
        }

        await using var run = await ServiceProcess.RunAsync(
            "RevenueAspire.Processor", ["verify", "--json"], new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString });
        Assert.Equal(3, run.ExitCode);
        using var json = JsonDocument.Parse(Assert.Single(run.StandardOutput));
        Assert.Equal(["equal", "not checked"],
            json.RootElement.GetProperty("results").EnumerateArray().Select(source => source.GetProperty("result").GetString()).Order());
    }

    [Fact]
    public async Task M13_a_lost_row_is_a_difference_and_no_user_of_the_missing_source_is_reported()
    {
        await using var ledger = await WithMissingFileAsync();
        await ledger.ExecuteAsync("delete from users_revenue where user_id = 'kept'");

        var (result, differences) = await ledger.VerifyAsync();

        Assert.Equal("kept", System.Text.Encoding.UTF8.GetString(Assert.Single(differences).UserId));
        Assert.Equal((3, 2L, false), (result.ExitCode, result.Unchecked!.Users, result.Unchecked.Contradicts));
    }

    [Fact]
    public async Task M13_a_missing_log_and_a_source_with_wrong_totals_are_both_reported()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using (var log = new TestLog(ledger.Folder.File("log")))
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
            await LogFollowing.FollowOnceAsync(ledger, log);
        }

        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("b", 1).Bytes));
        await ledger.ExecuteAsync("update event_source set lines_through = 7 where kind = 'file'");
        Directory.Delete(ledger.Folder.File("log"), recursive: true);
        var (result, _) = await ledger.VerifyAsync(totalsDiffer: true);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal([SourceState.Differs, SourceState.NotChecked], result.Reports.Select(report => report.State).Order());
    }

    [Fact]
    public async Task M13_a_file_without_a_digest_is_not_checked_but_the_others_are()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes));
        await ledger.ProcessAsync(ledger.Write("b.jsonl", new EventFile().Add("b", 2).Add("b", 3).Bytes));
        await ledger.ExecuteAsync("delete from event_source_digest d using event_source s where s.content_id = d.content_id and s.name like '%a.jsonl'");
        var (result, _) = await ledger.VerifyAsync();
        Assert.Equal([SourceState.Equal, SourceState.NotChecked], result.Reports.Select(report => report.State).Order());
        Assert.Contains("the file cannot be identified", string.Join("\n", result.Unread), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_an_object_even_if_the_check_could_not_begin()
    {
        var environment = new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = "Host=127.0.0.1;Port=1;Username=x" };
        foreach (var arguments in (string[][])[["verify", "--json"], ["process", typeof(VerifyUncheckedTests).Assembly.Location, "--json"]])
        {
            await using var run = await ServiceProcess.RunAsync("RevenueAspire.Processor", arguments, environment);
            using var json = JsonDocument.Parse(Assert.Single(run.StandardOutput));
            Assert.Equal((1, 1), (run.ExitCode, json.RootElement.GetProperty("exitCode").GetInt32()));
            Assert.Equal(Assert.Single(run.StandardError), json.RootElement.GetProperty("errors")[0].GetString());
        }
    }

    /// <summary>A ledger with users of an existing file, of a missing file, and of both.</summary>
    private static async Task<LedgerFixture> WithMissingFileAsync()
    {
        var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("there.jsonl", new EventFile().Add("kept", 10).Add("shared", 1).Add("zero", 3).Bytes));
        var missing = ledger.Write("missing.jsonl", new EventFile().Add("lost", 5).Add("shared", 7).Bytes);
        await ledger.ProcessAsync(missing);
        File.Delete(missing);
        return ledger;
    }
}

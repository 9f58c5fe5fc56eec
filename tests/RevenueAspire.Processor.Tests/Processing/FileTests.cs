using System.Text;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

public sealed class FileTests
{
    [Fact]
    public async Task M10_the_same_content_counts_once_under_any_name()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(M10_the_same_content_counts_once_under_any_name)), 500, 50, badEvery: 50);
        var path = ledger.Write("a.jsonl", file.Bytes);
        var first = await ledger.ProcessAsync(path);
        Assert.Equal(("counted", file.Events, file.Rejected.Count), (first.Result, first.Events, first.Rejected));
        Assert.Equal((file.Totals.Users.Count, true, ExitCodes.SomeRejected), (first.Users, first.UsersAreExact, first.ExitCode));

        var second = await ledger.ProcessAsync(path);
        Assert.Equal(("already counted", 0L, file.Rejected.Count, ExitCodes.SomeRejected), (second.Result, second.Events, second.Rejected, second.ExitCode));

        var renamed = ledger.Folder.File("b.jsonl");
        File.Move(path, renamed);
        Assert.Equal("already counted", (await ledger.ProcessAsync(renamed)).Result);
        Assert.Equal(renamed, await ledger.ScalarAsync<string>("select name from event_source"));

        Assert.Equal("already counted", (await ledger.ProcessAsync(ledger.Write("copy.jsonl", file.Bytes))).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal(1, await ledger.CountAsync("event_source"));
    }

    [Fact]
    public async Task Each_successful_run_reports_the_rejected_lines_even_if_another_run_counted_them()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1).Reject("oops").Add("b", 2);
        var path = ledger.Write("a.jsonl", file.Bytes);
        var first = await ledger.ProcessAsync(path);

        // One process finds nothing left to count; another finds only new valid lines.
        var late = await ledger.ProcessAsync(path);
        Assert.Equal((1, ExitCodes.SomeRejected, ExitCodes.SomeRejected), ((int)late.Rejected, first.ExitCode, late.ExitCode));
        Assert.Contains("rejected_event", Assert.Single(late.Notes), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(path, file.Add("c", 3).Bytes);
        var grown = await ledger.ProcessAsync(path);
        Assert.Equal(("counted what was new", 1, ExitCodes.SomeRejected), (grown.Result, (int)grown.Rejected, grown.ExitCode));

        // The longer file contains all lines of the earlier state, but its rejected line is not reported for that state.
        var clean = new EventFile().Add("c", 1);
        await ledger.ProcessAsync(ledger.Write("clean.jsonl", clean.Bytes));
        await ledger.ProcessAsync(ledger.Write("longer.jsonl", new EventFile().Add("c", 1).Reject("oops").Bytes));
        Assert.Equal(("already counted", ExitCodes.Done), await ShortAsync(ledger, ledger.Write("clean-again.jsonl", clean.Bytes)));

        // An earlier state with one rejected line.
        await ledger.ProcessAsync(ledger.Write("longest.jsonl", new EventFile().Add("c", 1).Reject("oops").Reject("oops").Bytes));
        var older = await ledger.ProcessAsync(ledger.Write("older.jsonl", new EventFile().Add("c", 1).Reject("oops").Bytes));
        Assert.Equal((1, ExitCodes.SomeRejected), ((int)older.Rejected, older.ExitCode));
    }

    private static async Task<(string Result, int ExitCode)> ShortAsync(LedgerFixture ledger, string path)
    {
        var outcome = await ledger.ProcessAsync(path);
        return (outcome.Result, outcome.ExitCode);
    }

    [Fact]
    public async Task M10_a_file_that_grows_continues_where_it_ended()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M10_a_file_that_grows_continues_where_it_ended));
        var file = new EventFile();
        var path = ledger.Folder.File("grows.jsonl");
        for (var step = 0; step < 5; step++)
        {
            for (var line = 0; line < 40; line++)
            {
                if (random.Next(10) == 0)
                {
                    file.Reject("nothing");
                }

                file.Add($"user{random.Next(30)}", random.Next(100), random.Next(2) == 0);
            }

            await File.WriteAllBytesAsync(path, file.Bytes);
            var outcome = await ledger.ProcessAsync(path, LedgerFixture.Tiny(random));
            Assert.Equal(step == 0 ? "counted" : "counted what was new", outcome.Result);
            await ledger.AssertBalancesAsync(file);
            Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        }

        Assert.Equal(1, await ledger.CountAsync("event_source"));
        Assert.Equal(5, await ledger.CountAsync("event_source_digest"));
        Assert.Equal(0, await ledger.CountAsync("event_range"));
    }

    [Fact]
    public async Task M10_a_fork_of_known_content_is_refused_and_named()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var common = new EventFile().Add("a", 1);
        var path = ledger.Write("original.jsonl", common.Bytes);
        await ledger.ProcessAsync(path);
        await File.WriteAllBytesAsync(path, common.Add("b", 2).Bytes);
        await ledger.ProcessAsync(path);

        var fork = ledger.Write("fork.jsonl", new EventFile().Add("a", 1).Add("c", 3).Bytes);
        var error = await Assert.ThrowsAsync<UserErrorException>(() => ledger.ProcessAsync(fork));
        Assert.Contains("fork.jsonl", error.Message, StringComparison.Ordinal);
        Assert.Contains("original.jsonl", error.Message, StringComparison.Ordinal);
        await ledger.AssertBalancesAsync(common);
    }

    [Fact]
    public async Task M10_files_with_a_common_first_megabyte_are_different_files()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = new Random(5);
        var left = EventFile.Random(random, 25_000, 100).Add("left", 1);
        var right = EventFile.Random(new Random(5), 25_000, 100).Add("right", 1);
        Assert.True(left.Bytes.Length > 1 << 20);
        Assert.Equal("counted", (await ledger.ProcessAsync(ledger.Write("left", left.Bytes))).Result);
        Assert.Equal("counted", (await ledger.ProcessAsync(ledger.Write("right", right.Bytes))).Result);
        await ledger.AssertBalancesAsync(left, right);
    }

    [Fact]
    public async Task M10_again_counts_once_more_and_a_new_file_once()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(new Random(3), 100, 10);
        var path = ledger.Write("a.jsonl", file.Bytes);
        Assert.Equal("counted", (await ledger.ProcessAsync(path, again: true)).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal("counted again (generation 2)", (await ledger.ProcessAsync(path, again: true)).Result);
        await ledger.AssertBalancesAsync(file, file);
        Assert.Equal("already counted", (await ledger.ProcessAsync(path)).Result);
        await ledger.AssertBalancesAsync(file, file);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
    }

    [Fact]
    public async Task M9_an_invalid_last_line_without_newline_is_reported_and_counts_after_its_completion()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var complete = new EventFile().Add("a", 1).Add("b", 20);
        var path = ledger.Write("a.jsonl", complete.Bytes[..^12]);
        var first = await ledger.ProcessAsync(path);
        Assert.Equal((1L, 0L, ExitCodes.SomeRejected), (first.Events, first.Rejected, first.ExitCode));
        Assert.Contains("no newline", Assert.Single(first.Notes), StringComparison.Ordinal);
        Assert.Equal(0, await ledger.CountAsync("rejected_event"));

        await File.WriteAllBytesAsync(path, complete.Bytes);
        var second = await ledger.ProcessAsync(path);
        Assert.Equal(("counted what was new", 1L, ExitCodes.Done), (second.Result, second.Events, second.ExitCode));
        await ledger.AssertBalancesAsync(complete);
    }

    [Fact]
    public async Task M9_a_valid_last_line_without_newline_counts_once_even_if_the_file_grows()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Reject("x").Add("a", 1).Add("b", 20, end: "");
        var path = ledger.Write("a.jsonl", file.Bytes);
        Assert.Equal(2, (await ledger.ProcessAsync(path)).Events);
        var rest = new EventFile().Reject("y").Add("a", 5);
        await File.WriteAllBytesAsync(path, [.. file.Bytes, (byte)'\n', .. rest.Bytes]);
        Assert.Equal(1, (await ledger.ProcessAsync(path)).Events);
        await ledger.AssertBalancesAsync(file, rest);
        Assert.Equal([1L, 4L], await ledger.RejectedLinesAsync());
        Assert.Equal(5, await ledger.ScalarAsync<long>("select lines_through from event_source"));
    }

    [Theory]
    [InlineData("", ExitCodes.Done)]
    [InlineData("   ", ExitCodes.Done)]
    [InlineData("{\"userId\"", ExitCodes.SomeRejected)]
    public async Task A_file_with_nothing_to_count_leaves_no_trace(string content, int exitCode)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var outcome = await ledger.ProcessAsync(ledger.Write("empty.jsonl", Encoding.UTF8.GetBytes(content)));
        Assert.Equal(("empty, nothing to count", exitCode), (outcome.Result, outcome.ExitCode));
        Assert.Equal(0, await ledger.CountAsync("event_source"));
    }

    [Fact]
    public async Task M8_rejects_have_absolute_line_numbers_and_offsets_and_their_beginnings_across_ranges()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M8_rejects_have_absolute_line_numbers_and_offsets_and_their_beginnings_across_ranges));
        var file = EventFile.Random(random, 600, 40, badEvery: 5).Reject(new string('z', 3000));
        var options = LedgerFixture.Tiny(random);
        options.MaxLineBytes = 2000;
        var outcome = await ledger.ProcessAsync(ledger.Write("bad.jsonl", file.Bytes), options);
        Assert.Equal(file.Rejected.Count, outcome.Rejected);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal(new string('z', 256), await ledger.ScalarAsync<string>("select beginning from rejected_event order by line desc limit 1"));
        Assert.Equal(RejectReason.TooLong.Describe(), await ledger.ScalarAsync<string>("select reason from rejected_event order by line desc limit 1"));
        await ledger.AssertBalancesAsync(file);
    }

    [Fact]
    public async Task An_earlier_state_of_a_counted_longer_file_is_already_counted()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1);
        var early = ledger.Write("early.jsonl", file.Bytes);
        await ledger.ProcessAsync(early);
        await ledger.ProcessAsync(ledger.Write("late.jsonl", file.Add("b", 2).Bytes));
        Assert.Equal("already counted", (await ledger.ProcessAsync(early)).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.EndsWith("late.jsonl", await ledger.ScalarAsync<string>("select name from event_source"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Event_types_of_the_settings_count_by_their_sign()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write(
            "gifts.jsonl", "{\"userId\":\"a\",\"name\":\"gift\",\"value\":-7}\n{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n"u8.ToArray());
        var outcome = await ledger.ProcessAsync(path, types: EventTypes.Create([new("gift", -1)]));
        Assert.Equal((1L, 1L), (outcome.Events, outcome.Rejected));
        Assert.Equal(7, (await ledger.BalancesAsync())["a"]);
    }
}

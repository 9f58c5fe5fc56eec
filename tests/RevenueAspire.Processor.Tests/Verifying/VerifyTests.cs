using System.Globalization;
using System.Text;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Verifying;

public sealed class VerifyTests
{
    [Fact]
    public async Task M13_all_balances_are_recomputed_over_files_generations_and_logs_in_bounded_memory()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M13_all_balances_are_recomputed_over_files_generations_and_logs_in_bounded_memory));
        var (left, right) = (EventFile.Random(random, 500, 300, badEvery: 50), EventFile.Random(random, 300, 300));
        var path = ledger.Write("left.jsonl", left.Bytes);
        await ledger.ProcessAsync(path);
        await ledger.ProcessAsync(path, again: true);
        await ledger.ProcessAsync(ledger.Write("right.jsonl", right.Bytes));
        var expected = left.Totals.Users.Keys.Union(right.Totals.Users.Keys).Count();

        foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { MaxUsersInMemory = 10, BlockBytes = 100, MaxRejectsPerRange = 1 } })
        {
            var (result, differences) = await ledger.VerifyAsync(options);
            Assert.Empty(differences);
            Assert.Equal((expected, 3, 0), (result.Users, result.Sources, result.Differences));
        }
    }

    [Fact]
    public async Task M13_each_different_user_is_reported_with_both_sums()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("equal", 1).Add("changed", 5).Add("lost", 7).Bytes));
        await using (var change = ledger.Database.CreateCommand(
            "update users_revenue set revenue = 1e30 where user_id = 'changed'; delete from users_revenue where user_id = 'lost'; insert into users_revenue "
                + "values ('invented', 3)"))
        {
            await change.ExecuteNonQueryAsync();
        }

        foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { MaxUsersInMemory = 2 } })
        {
            var (result, differences) = await ledger.VerifyAsync(options);
            Assert.Equal((4, 3), (result.Users, result.Differences));
            Assert.Equal(
                ["changed 1000000000000000000000000000000 5", "invented 3 -", "lost - 7"],
                differences.Select(difference => string.Create(CultureInfo.InvariantCulture,
                    $"{Encoding.UTF8.GetString(difference.UserId)} {difference.Table?.ToString(CultureInfo.InvariantCulture) ?? "-"} "
                        + $"{difference.Events?.ToString(CultureInfo.InvariantCulture) ?? "-"}")).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_missing_or_changed_file_cannot_be_checked()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes);
        await ledger.ProcessAsync(path);
        await File.WriteAllBytesAsync(path, new EventFile().Add("a", 2).Bytes);
        Assert.StartsWith($"{path}: the file now has other content", Assert.Single((await ledger.VerifyAsync()).Result.Unread), StringComparison.Ordinal);
        File.Delete(path);
        var (gone, _) = await ledger.VerifyAsync();
        Assert.StartsWith($"{path}: no such file", Assert.Single(gone.Unread), StringComparison.Ordinal);
        Assert.DoesNotContain("start over", gone.Unread[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_far_before_the_end_of_a_file_is_reported_as_unchecked_not_as_a_difference()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile();
        for (var i = 0; i < 500; i++)
        {
            file.Add($"user{i}", 1);
        }

        var path = ledger.Write("a.jsonl", file.Bytes);
        await ledger.ProcessAsync(path);
        var changed = file.Bytes.ToArray();
        changed[changed.AsSpan().IndexOf("1}"u8)] = (byte)'7';
        await File.WriteAllBytesAsync(path, changed);
        Assert.Contains("its bytes were changed", Assert.Single((await ledger.VerifyAsync()).Result.Unread), StringComparison.Ordinal);

        // Content appended later is not yet counted, and changes nothing.
        await File.WriteAllBytesAsync(path, [.. file.Bytes, .. new EventFile().Add("new", 5).Bytes]);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
    }

    [Fact]
    public async Task M13_verify_agrees_at_any_moment_while_processors_run()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M13_verify_agrees_at_any_moment_while_processors_run));
        var file = EventFile.Random(random, 1500, 400);
        var path = ledger.Write("running.jsonl", file.Bytes);
        var options = LedgerFixture.Tiny(random);
        var processing = Task.Run(() => ledger.ProcessAsync(path, options));
        var checks = 0;
        while (!processing.IsCompleted)
        {
            Assert.True((await ledger.VerifyAsync()).Result.Differences == 0, Seed.Hint);
            checks++;
        }

        await processing;
        Assert.True(checks > 0);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
    }
}

using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

/// <summary>The known lengths of a file end lines (rules M9, M10), and its known bytes must not change.</summary>
public sealed class KnownLengthTests
{
    /// <summary>
    /// A file's earlier and later content (+n is an event, | marks the known length), the sum, the rejected lines, and the number of lines.
    /// </summary>
    [Theory]
    [InlineData("+1", "+1|+20\n", 21, "", 2)]
    [InlineData("+1", "+1|+20", 21, "", 2)]
    [InlineData("x\n+1", "x\n+1|+20", 21, "1", 3)]
    [InlineData("+1", "+1|junk\n", 1, "2", 2)]
    [InlineData("+1", "+1|junk", 1, "", 1)]
    [InlineData("+4\n+1", "+4\n+1|junk", 5, "", 2)]
    [InlineData("+4\n+1", "+4\n+1|junk\n+20\n", 25, "3", 4)]
    [InlineData("+1", "+1|\n", 1, "", 1)]
    [InlineData("+1", "+1|\nx\n+20\n", 21, "2", 3)]
    [InlineData("+1", "+1|  \n+20\n", 21, "", 2)]
    [InlineData("+4\n{\"userId\":", "+4\n|{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":20}\n", 24, "", 2)]
    [InlineData("+4\njun", "+4\n|junk\n+1", 5, "2", 3)]
    public async Task M9_M10_a_known_length_ends_a_line_for_every_reader(string before, string after, long sum, string rejected, long lines)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("a.jsonl", Bytes(before));
        await ledger.ProcessAsync(path);
        await File.WriteAllBytesAsync(path, Bytes(after));
        await ledger.ProcessAsync(path);
        await AssertAsync(1);
        Assert.Equal("already counted", (await ledger.ProcessAsync(path)).Result);
        await ledger.ProcessAsync(path, LedgerFixture.Tiny(), again: true);
        await AssertAsync(2);

        async Task AssertAsync(int times)
        {
            Assert.Equal(sum * times, (await ledger.BalancesAsync())["u"]);
            Assert.Equal(Enumerable.Repeat(rejected, times), (await ledger.ScalarAsync<string>(
                "select string_agg(coalesce((select string_agg(line::text, ' ' order by line) from rejected_event r where r.source_id = s.source_id), ''), "
                    + "'|') from event_source s")).Split('|'));
            Assert.Equal($"{lines} {lines}", await ledger.ScalarAsync<string>("select min(lines_through) || ' ' || max(lines_through) from event_source"));
            foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { BlockBytes = 16, MaxUsersInMemory = 1 } })
            {
                Assert.Empty((await ledger.VerifyAsync(options)).Differences);
            }
        }
    }

    [Theory]
    [InlineData(1 << 27)]
    [InlineData(3000)]
    public async Task M10_a_file_that_changes_between_hashing_and_counting_is_refused_with_an_error(int rangeBytes)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("changes.jsonl", EventFile.Random(new Random(1), 300, 20).Bytes);

        // While this lock is held, no range is claimed. The source exists as soon as the file is hashed.
        await using var hold = await ledger.Database.OpenConnectionAsync();
        await using var transaction = await hold.BeginTransactionAsync();
        await using (var wait = new NpgsqlCommand("lock table event_range", hold))
        {
            await wait.ExecuteNonQueryAsync();
        }

        var processing = Task.Run(() => ledger.ProcessAsync(path, new ProcessorOptions { RangeBytes = rangeBytes }));
        await Eventually.IsTrueAsync(async () => await ledger.CountAsync("event_source") == 1);
        await using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            await file.WriteAsync("{\"userId\":\"z\""u8.ToArray());
        }

        await transaction.CommitAsync();
        Assert.Contains("CHANGED", (await Assert.ThrowsAsync<SourceStoppedException>(() => processing)).Message, StringComparison.Ordinal);
        Assert.Equal(0, await ledger.CountAsync("users_revenue"));
    }

    [Fact]
    public async Task M10_only_known_bytes_of_a_file_count_when_it_changes_and_the_original_can_be_completed()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(M10_only_known_bytes_of_a_file_count_when_it_changes_and_the_original_can_be_completed)),
            20_000, 300).Add("!last", 1);
        var original = file.Bytes;
        var path = ledger.Write("changes.jsonl", original);
        await using (var held = await HeldUsers.TakeAsync(ledger, "!last"))
        {
            // The last range cannot be merged, so it stays open until its processor is stopped.
            using var stop = new CancellationTokenSource();
            var processing = Task.Run(() => ledger.ProcessAsync(path, new ProcessorOptions { RangeBytes = 100_000 }, cancellationToken: stop.Token));
            await Eventually.IsTrueAsync(async () => await ledger.CountAsync("users_revenue") > 0);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => processing);
            await held.ReleaseAsync();
        }

        Assert.InRange(await ledger.ScalarAsync<long>("select count(*) from event_source where applied_through < length"), 1, 1);
        var changed = original.ToArray();
        changed[^3] ^= 1;
        await File.WriteAllBytesAsync(path, changed);
        using (var reader = FileSourceReader.Open(path, 1 << 16))
        {
            // Compare the changed file with the original's digest and block hashes.
            using var before = FileSourceReader.Open(ledger.Write("original.jsonl", original), 1 << 16);
            var hashing = new FileHashing(before, original.Length, CancellationToken.None);
            var digest = (await hashing.DigestsAsync([]))[^1];
            var source = await ledger.ScalarAsync<Guid>("select source_id from event_source");
            using var run = new SourceApplier(ledger.Services(), reader.Hashed(digest, hashing.Blocks, []), source, original.Length, new RunCounters());
            var error = await Assert.ThrowsAsync<SourceStoppedException>(() => run.RunAsync(CancellationToken.None));
            Assert.Contains("CHANGED", error.Message, StringComparison.Ordinal);
        }

        await File.WriteAllBytesAsync(path, original);
        Assert.Equal("completed", (await ledger.ProcessAsync(path)).Result);
        await ledger.AssertBalancesAsync(file);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(
        Regex.Replace(text.Replace("|", "", StringComparison.Ordinal), @"\+(\d+)", "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":$1}"));
}

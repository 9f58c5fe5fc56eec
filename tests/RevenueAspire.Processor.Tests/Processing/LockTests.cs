using Npgsql;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

public sealed class LockTests
{
    [Fact]
    public async Task M5_each_transaction_writes_at_most_a_batch_and_never_waits_for_its_client_while_it_locks_users()
    {
        const int BatchRows = 50;
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M5_each_transaction_writes_at_most_a_batch_and_never_waits_for_its_client_while_it_locks_users));
        var files = new[] { EventFile.Random(random, 6000, 3000, badEvery: 100), EventFile.Random(random, 6000, 3000) };
        var processing = Task.WhenAll(files.Select((file, index) =>
        {
            var path = ledger.Write($"{index}.jsonl", file.Bytes);
            return Task.Run(() => ledger.ProcessAsync(path, new ProcessorOptions { RangeBytes = 150_000, MergeBatchRows = BatchRows }));
        }));
        await using var watching =
            new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ledger.ConnectionString) { ApplicationName = "polls", Pooling = false }.ConnectionString);
        await watching.OpenAsync();
        var polls = 0;
        for (; !processing.IsCompleted; polls++)
        {
            // A transaction keeps its table lock as long as its row locks. An idle transaction with that lock would wait for its client.
            await using var idle = new NpgsqlCommand(
                """
                select count(*) from pg_stat_activity a join pg_locks l using (pid)
                where l.relation = 'users_revenue'::regclass and l.mode = 'RowExclusiveLock' and l.granted and a.state like 'idle in transaction%'
                """,
                watching);
            Assert.Equal(0L, await idle.ExecuteScalarAsync());
        }

        await processing;
        Assert.True(polls > 0);
        await ledger.AssertBalancesAsync(files);
        Assert.InRange(await ledger.ScalarAsync<long>("select max(written) from (select count(*) as written from users_revenue group by xmin) as transactions"),
            1, BatchRows);
    }
}

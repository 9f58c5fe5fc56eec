using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class KeyTests
{
    [Fact]
    public async Task L9_a_repeat_gets_the_first_answer_from_any_process_even_after_the_first_ended()
    {
        await using var database = await PostgresLog.CreateAsync();
        var one = await database.OpenAsync();
        var other = await database.OpenAsync();
        var first = await PostgresLog.AppendAsync(one, "a", "key", count: 3, rejected: 2);
        await one.DisposeAsync();
        var again = await PostgresLog.AppendAsync(other, "a", "key", count: 3, rejected: 2);
        Assert.Equal((AppendStatus.Repeated, first.Receipt, 3, 2), (again.Status, again.Receipt, again.Accepted, again.RejectedCount));
        Assert.Equal(AppendStatus.KeyConflict, (await PostgresLog.AppendAsync(other, "b", "key")).Status);
        Assert.Equal(3, (await database.CountByUserAsync())["a"]);
        Assert.Equal(ReceiptLookup.Record, await other.LookUpAsync(first.Receipt, CancellationToken.None));
    }

    [Fact]
    public async Task L9_the_same_keys_sent_to_several_processes_at_once_count_once_each()
    {
        await using var database = await PostgresLog.CreateAsync();
        var random = Seed.Random(nameof(L9_the_same_keys_sent_to_several_processes_at_once_count_once_each));
        var logs = new[] { await database.OpenAsync(), await database.OpenAsync(), await database.OpenAsync() };
        const int Keys = 300;
        var orders = logs.Select(_ =>
        {
            var order = Enumerable.Range(0, Keys).ToArray();
            random.Shuffle(order);
            return order;
        }).ToArray();
        var answers = await Task.WhenAll(
            logs.Zip(orders, (log, order) => Task.WhenAll(order.Select(async i => (Key: i, Result: await PostgresLog.AppendAsync(log, $"u{i}", $"k{i}"))))));
        var byKey = answers.SelectMany(all => all).ToLookup(answer => answer.Key, answer => answer.Result);
        Assert.All(Enumerable.Range(0, Keys), i =>
        {
            Assert.True(byKey[i].Count(result => result.Status == AppendStatus.Appended) == 1,
                $"key {i}: {string.Join(", ", byKey[i].Select(result => result.Status))}; {Seed.Hint}");
            Assert.Single(byKey[i].Select(result => result.Receipt).Distinct());
        });
        Assert.All((await database.CountByUserAsync()).Values, count => Assert.Equal(1, count));
        Assert.Equal(0L, await database.ScalarAsync<long>("select deadlocks from pg_stat_database where datname = current_database()"));
    }

    [Fact]
    public async Task L9_a_key_of_another_process_is_known_even_if_its_constraint_was_renamed()
    {
        await using var database = await PostgresLog.CreateAsync();
        await PostgresLog.AppendAsync(await database.OpenAsync(), "a", "key");
        await database.ExecuteAsync("alter table event_log_key rename constraint event_log_key_pkey to a_name_of_the_operator");

        var error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync(
            "insert into event_log_key overriding system value select * from event_log_key"));

        Assert.True(PostgresLogErrors.IsKnownKey(error));
        error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync("insert into event_log select * from event_log"));
        Assert.False(PostgresLogErrors.IsKnownKey(error));
    }

    [Fact]
    public async Task L9_the_last_keys_are_remembered_and_forgetting_is_announced_first()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        for (var i = 0; i < 30; i++)
        {
            await PostgresLog.AppendAsync(log, "a", $"k{i}");
        }

        await PostgresLogRetention.ForgetKeysAsync(database.Database, 10, CancellationToken.None);
        var announced = await database.ReadMemoryAsync();
        Assert.Equal(30L, await database.ScalarAsync<long>("select count(*) from event_log_key"));
        Assert.Equal(10L, await database.ScalarAsync<long>($"select count(*) from event_log_key where key_number >= {announced.From}"));

        // All processes do this every few seconds. No process may remove at once the keys that another one has just announced.
        await PostgresLogRetention.ForgetKeysAsync(database.Database, 5, CancellationToken.None);
        Assert.Equal(announced, await database.ReadMemoryAsync());
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(log, "a", "k0")).Status);
        await database.ExecuteAsync("update event_log_memory set announced_at = announced_at - interval '2 minutes'");
        await PostgresLogRetention.ForgetKeysAsync(database.Database, 10, CancellationToken.None);
        Assert.Equal(10L, await database.ScalarAsync<long>("select count(*) from event_log_key"));
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(log, "a", "k29")).Status);
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(log, "a", "k20")).Status);
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a", "k19")).Status);
    }
}

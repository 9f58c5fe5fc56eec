using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>The checks at every start, except the shape of the tables; for that, see <see cref="LedgerSchemaTests"/>.</summary>
public sealed class LedgerCheckTests
{
    private static readonly string[] Tables = ["users_revenue", "event_source", "event_source_digest", "event_range", "event_part", "rejected_event"];

    [Theory]
    [InlineData("quote_all_identifiers=on")]
    [InlineData("quote_all_identifiers=on -c extra_float_digits=-15 -c IntervalStyle=iso_8601 -c DateStyle=German -c bytea_output=escape -c lc_messages=C")]
    [InlineData("search_path=public,pg_catalog")]
    public async Task The_check_does_not_depend_on_settings_of_the_session(string settings)
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Options = $"-c {settings}" }.ConnectionString);
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        await ExecuteAsync(database, "comment on table event_source is null");
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        Assert.Equal("public", (await LedgerSchema.ApplyAsync(database, CancellationToken.None)).Schema);
    }

    [Theory]
    [InlineData("users_revenue")]
    [InlineData("event_source")]
    [InlineData("event_source_digest")]
    [InlineData("event_range")]
    [InlineData("event_part")]
    [InlineData("rejected_event")]
    public async Task An_UNLOGGED_table_is_refused_and_the_repair_keeps_the_data(string table)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27)");
        await database.ExecuteAsync($"alter table {table} set unlogged");
        var refusal = await RefusalAsync(database);
        Assert.Contains($"UNLOGGED: {table} in schema public", refusal, StringComparison.Ordinal);
        await database.ExecuteAsync(refusal.Split('"')[1]);
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.Equal("27", await database.Queries.FindRevenueAsync("user1", CancellationToken.None));
    }

    [Theory]
    [InlineData("users_revenue", "users_revenue_pkey", "primary key (user_id)")]
    [InlineData("event_source", "event_source_content_id_generation_key", "unique (content_id, generation)")]
    [InlineData("event_range", "event_range_source_id_from_offset_key", "unique (source_id, from_offset)")]
    [InlineData("rejected_event", "rejected_event_pkey", "primary key (source_id, \"offset\")")]
    public async Task A_deferrable_key_is_refused_and_the_repair_works(string table, string key, string columns)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync($"alter table {table} drop constraint {key}, add constraint {key} {columns} deferrable");
        var refusal = await RefusalAsync(database);
        Assert.Contains($"of {table} is deferrable", refusal, StringComparison.Ordinal);
        await database.ExecuteAsync(Quoted(refusal));
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
    }

    [Theory]
    [InlineData("event_source_digest", "event_source_digest_pkey")]
    [InlineData("event_part", "event_part_pkey")]
    [InlineData("event_range", "event_range_source_id_from_offset_key")]
    public async Task A_missing_key_is_refused_and_the_repair_works(string table, string key)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync($"alter table {table} drop constraint {key}");
        var refusal = await RefusalAsync(database);
        Assert.Contains($"of {table} is missing", refusal, StringComparison.Ordinal);
        await database.ExecuteAsync(Quoted(refusal));
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
    }

    [Fact]
    public async Task Two_installations_in_two_schemas_of_one_database_do_not_see_each_other()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await ExecuteAsync(admin, "create schema one; create schema \"Two\"");
        await using var one = NpgsqlDataSource.Create(With(connectionString, "one"));
        await using var two = NpgsqlDataSource.Create(With(connectionString, "\"Two\""));
        Assert.Equal("one", (await LedgerSchema.ApplyAsync(one, CancellationToken.None)).Schema);
        Assert.Equal("Two", (await LedgerSchema.ApplyAsync(two, CancellationToken.None)).Schema);
        await ExecuteAsync(one, "insert into users_revenue values ('user1', 27)");
        Assert.Equal("one", (await LedgerSchema.ApplyAsync(one, CancellationToken.None)).Schema);
        Assert.Null(await new LedgerQueries(two).FindRevenueAsync("user1", CancellationToken.None));
        foreach (var schema in (string[])["one", "Two"])
        {
            // Plus one for event_source_path, which Tables omits because the check does not require it.
            Assert.Equal(Tables.Length + 1, await ScalarAsync<long>(admin, $"select count(*) from information_schema.tables where table_schema = '{schema}'"));
        }
    }

    [Fact]
    public async Task The_first_ledger_in_the_search_path_is_used_and_others_are_reported()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database = NpgsqlDataSource.Create(connectionString);
        Assert.Empty((await LedgerSchema.ApplyAsync(database, CancellationToken.None)).OtherSchemas);
        await ExecuteAsync(database, "create schema mine");

        // An empty schema first in the search path does not hide the ledger, and no table is created in it.
        await using var both = NpgsqlDataSource.Create(With(connectionString, "mine,public"));
        await ExecuteAsync(both, "comment on table event_source is null");
        Assert.Equal("public", (await LedgerSchema.ApplyAsync(both, CancellationToken.None)).Schema);
        Assert.Equal(0, await ScalarAsync<long>(database, "select count(*) from information_schema.tables where table_schema = 'mine'"));

        await using var first = NpgsqlDataSource.Create(With(connectionString, "mine"));
        await LedgerSchema.ApplyAsync(first, CancellationToken.None);
        var state = await LedgerSchema.ApplyAsync(both, CancellationToken.None);
        Assert.Equal(("mine", "public"), (state.Schema, Assert.Single(state.OtherSchemas)));
        Assert.Contains(state.Warnings, warning => warning.Contains("schema public", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tables_in_two_schemas_are_refused()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database = NpgsqlDataSource.Create(connectionString);
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        await ExecuteAsync(database, "create schema mine; create table mine.users_revenue (user_id text collate \"C\" primary key, revenue numeric not null)");
        await using var both = NpgsqlDataSource.Create(With(connectionString, "mine,public"));
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(both, CancellationToken.None));
        Assert.Contains("mine, public", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Search Path", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nowhere", "\"nowhere\"")]
    [InlineData("pg_temp", "temporary")]
    public async Task An_unusable_search_path_is_reported_by_name(string searchPath, string named)
    {
        await using var database = NpgsqlDataSource.Create(With(await TestPostgres.CreateDatabaseAsync(), searchPath));
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database, CancellationToken.None));
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Search Path", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("drop table event_source_digest")]
    [InlineData("alter table event_range drop column events")]
    [InlineData("comment on table event_source is 'ledger schema 9'")]
    [InlineData(
        "insert into event_source (source_id, kind, name, content_id, generation, length, claimed_through) select i, 'log', 'a', i, 1, 0, 10 from "
        + "gen_random_uuid() i; drop table users_revenue")]
    public async Task No_refusal_advises_a_step_that_loses_a_table(string change)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27)");
        await database.ExecuteAsync(change);
        var refusal = await RefusalAsync(database);
        Assert.DoesNotContain("drop", refusal, StringComparison.OrdinalIgnoreCase);
        await database.ExecuteAsync(refusal.Split('"')[1]);
        Assert.Equal(change.Contains("users_revenue", StringComparison.Ordinal) ? 0 : 1, await database.ScalarAsync<long>(
            "select count(*) from information_schema.tables where table_name = 'users_revenue' and table_schema = 'ledger_old'"));
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
    }

    [Fact]
    public async Task The_state_distinguishes_an_emptied_ledger_from_one_without_events()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        Assert.Null((await StateAsync(database)).Fault);
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, new TestDeltas(), [new RejectedLine(0, 0, "no event", "x"u8.ToArray())], 1, 0));
        Assert.Null((await StateAsync(database)).Fault);
        Assert.True(await database.ApplyAsync(source.Id, 10, 20, new TestDeltas(("user1", 0)), [], 1, 1));
        Assert.Null((await StateAsync(database)).Fault);
        await database.ExecuteAsync("truncate users_revenue");
        Assert.Contains("users_revenue is empty", (await StateAsync(database)).Fault, StringComparison.Ordinal);
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27); truncate event_source");
        Assert.Contains("counted again", (await StateAsync(database)).Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_merged_into_an_emptied_ledger()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, new TestDeltas(("user1", 5)), [], 1, 1));
        var deltas = new TestDeltas(("a", 1), ("b", 2), ("c", 3));
        var range = await database.FreezeAsync(deltas, parts: 1);
        await database.ExecuteAsync("truncate users_revenue");

        var live = await Assert.ThrowsAsync<LedgerException>(() => database.ApplyAsync(source.Id, 10, 20, new TestDeltas(("user2", 5)), [], 1, 1));
        Assert.Contains("users_revenue is empty", live.Message, StringComparison.Ordinal);
        var part = await Assert.ThrowsAsync<LedgerException>(
            () => PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 1, null, CancellationToken.None));
        Assert.Contains("users_revenue is empty", part.Message, StringComparison.Ordinal);
        Assert.Equal((0, 10),
            (await database.ScalarAsync<long>("select count(*) from users_revenue"),
            await database.ScalarAsync<long>($"select applied_through from event_source where source_id = '{source.Id}'")));
    }

    [Fact]
    public async Task A_partly_merged_part_stops_after_the_ledger_is_emptied()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = new TestDeltas(("a", 1), ("b", 2), ("c", 3));
        var range = await database.FreezeAsync(deltas, parts: 1);
        await database.ExecuteAsync("insert into users_revenue values ('a', 1); update event_part set merged_through = 'a'");
        range = (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!;
        await database.ExecuteAsync("truncate users_revenue");
        await Assert.ThrowsAsync<LedgerException>(
            () => PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 1, null, CancellationToken.None));
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from users_revenue"));
    }

    [Fact]
    public async Task A_ledger_emptied_between_two_batches_of_a_part_gets_no_further_batch()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = new TestDeltas(("a", 1), ("b", 2), ("c", 3));
        var range = await database.FreezeAsync(deltas, parts: 1);
        Assert.False(
            await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], new EmptiesAt(deltas, 1, database), 1, null, CancellationToken.None));
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from users_revenue"));
        Assert.Equal("a", await database.ScalarAsync<string>("select merged_through from event_part"));
    }

    [Fact]
    public async Task The_state_reports_the_servers_durability_settings()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database =
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Options = "-c synchronous_commit=off" }.ConnectionString);
        var state = await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        Assert.Equal("off", state.SynchronousCommit);
        Assert.Equal(await ScalarAsync<string>(database, "show fsync") == "on", state.Fsync);
        Assert.Equal(await ScalarAsync<string>(database, "show full_page_writes") == "on", state.FullPageWrites);
        Assert.Contains(state.Warnings, warning => warning.StartsWith("synchronous_commit is off", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_advisory_lock_has_a_unique_key()
    {
        var keys = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*", SearchOption.AllDirectories)
            .Where(path => (path.EndsWith(".cs", StringComparison.Ordinal) || path.EndsWith(".sql", StringComparison.Ordinal))
                && !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .SelectMany(path => System.Text.RegularExpressions.Regex.Matches(File.ReadAllText(path), @"pg_advisory_xact_lock\((\d+)\)").Select(
                match => (Key: match.Groups[1].Value, File: Path.GetFileName(path))))
            .ToLookup(found => found.Key, found => found.File);
        Assert.Equal(4, keys.Count);
        Assert.All(keys, key => Assert.Single(key));
    }

    private static string Quoted(string refusal) => refusal[(refusal.IndexOf("run \"", StringComparison.Ordinal) + 5)..refusal.LastIndexOf('"')];

    private static string With(string connectionString, string searchPath) =>
        new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = searchPath }.ConnectionString;

    private static async Task<string> RefusalAsync(LedgerDatabase database)
    {
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database.Source, CancellationToken.None));
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }

    private static async Task<LedgerState> StateAsync(LedgerDatabase database) => (await LedgerSchema.InspectAsync(database.Source, CancellationToken.None))!;

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Truncates users_revenue after the merge of the user before an index, while the batch with that index is being filled.</summary>
    private sealed class EmptiesAt(IndexedDeltas deltas, int index, LedgerDatabase database) : IndexedDeltas
    {
        private bool _done;

        public override int Count => deltas.Count;

        public override ReadOnlySpan<byte> UserId(int at) => deltas.UserId(at);

        public override Int128 Delta(int at)
        {
            if (at == index && !_done)
            {
                _done = true;
                Task.Run(async () =>
                {
                    await Eventually.IsTrueAsync(async () => await database.ScalarAsync<long>("select count(*) from users_revenue") > 0);
                    await database.ExecuteAsync("truncate users_revenue");
                }).GetAwaiter().GetResult();
            }

            return deltas.Delta(at);
        }
    }
}

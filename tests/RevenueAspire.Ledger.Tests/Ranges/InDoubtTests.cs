using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public class InDoubtTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M6_merges_with_lost_answers_count_once_after_reading_the_watermark_again(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M6_merges_with_lost_answers_count_once_after_reading_the_watermark_again));
        var deltas = TestDeltas.Numbered(3000, i => random.Next(-1000, 1000));
        var range = await database.FreezeAsync(deltas, parts: 2);
        await using var proxy = Proxy(database, random, cuts: 60);
        await using var through = Through(database, proxy);

        var errors = (await Task.WhenAll(Enumerable.Range(0, 2).Select(i => LedgerDatabase.MergeStubbornlyAsync(through, range.Id, i, deltas, 10,
            database.History)))).SelectMany(
            all => all).ToList();

        Assert.True(deltas.Sums().SequenceEqual(await database.BalancesAsync()), Seed.Hint);
        Assert.True(proxy.CutsLeft <= 0 && errors.Count > 20 && proxy.LostAnswers > 0,
            $"{Seed.Hint}: {proxy.CutsLeft} cuts left, {errors.Count} errors, {proxy.LostAnswers} lost answers");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M6_live_ranges_with_lost_answers_count_once_after_reading_the_source_again(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M6_live_ranges_with_lost_answers_count_once_after_reading_the_source_again));
        var source = await database.OpenLogAsync();
        await using var proxy = Proxy(database, random, cuts: 40);
        await using var through = Through(database, proxy);
        var registry = new SourceRegistry(through);
        const int Ranges = 200;
        var errors = 0;
        for (var applied = 0L; applied < Ranges * 10;)
        {
            try
            {
                var deltas = new TestDeltas(("a", 1), ($"b{applied / 10 % 7}", applied));
                if (await LiveApply.TryApplyAsync(
                    through, source.Id, applied, applied + 10, deltas, [new(applied, 0, "bad", default)], 2, 1, default, default, null,
                        database.History, CancellationToken.None))
                {
                    applied += 10;
                    continue;
                }
            }
            catch (Exception error) when (DatabaseErrors.IsTransient(error))
            {
                errors++;
            }

            applied = (await UntilHeardAsync(() => registry.FindAsync(source.Id, CancellationToken.None)))!.AppliedThrough;
        }

        var now = (await database.Registry.FindAsync(source.Id, CancellationToken.None))!;
        Assert.Equal((Ranges * 10, Ranges * 2, Ranges, Ranges), (now.AppliedThrough, now.LinesThrough, now.EventsThrough, now.RejectsThrough));
        var balances = await database.BalancesAsync();
        Assert.Equal(Ranges, balances["a"]);
        Assert.Equal(Enumerable.Range(0, Ranges).Sum(i => i * 10), balances.Where(balance => balance.Key != "a").Sum(balance => (long)balance.Value));
        Assert.Equal(
            "1 399 200", await database.ScalarAsync<string>("select min(line) || ' ' || max(line) || ' ' || count(distinct line) from rejected_event"));
        Assert.True(errors > 10, $"{Seed.Hint}: only {errors} errors");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M6_claims_freezes_rejects_and_closes_can_be_repeated_after_a_lost_answer(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M6_claims_freezes_rejects_and_closes_can_be_repeated_after_a_lost_answer));
        var source = await database.OpenLogAsync();
        await using var proxy = Proxy(database, random, cuts: 60);
        await using var through = Through(database, proxy);
        var registry = new SourceRegistry(through);
        var deltas = new TestDeltas(("a", 1), ("b", 2));
        var lease = TimeSpan.FromMilliseconds(50);
        const int End = 300;
        while ((await UntilHeardAsync(() => registry.FindAsync(source.Id, CancellationToken.None)))!.AppliedThrough < End)
        {
            try
            {
                await WorkAsync();
            }
            catch (Exception error) when (DatabaseErrors.IsTransient(error))
            {
                // Act like a processor: read again after an answer in doubt, and take over a lost claim when its lease ends.
                await Task.Delay(5);
            }
        }

        var now = (await database.Registry.FindAsync(source.Id, CancellationToken.None))!;
        Assert.True(proxy.CutsLeft <= 0, $"{Seed.Hint}: {proxy.CutsLeft} cuts left");
        Assert.Equal((End, End, 30 * 3, 30 * 2, 30), (now.ClaimedThrough, now.AppliedThrough, now.LinesThrough, now.EventsThrough, now.RejectsThrough));
        Assert.Equal("30", await database.Queries.FindRevenueAsync("a", CancellationToken.None));
        Assert.Equal("60", await database.Queries.FindRevenueAsync("b", CancellationToken.None));
        Assert.Equal("3 90 30",
            await database.ScalarAsync<string>(
            "select min(line) || ' ' || max(line) || ' ' || count(distinct line) from rejected_event where range_id is null"));

        async Task WorkAsync()
        {
            var owner = Guid.NewGuid();
            var claimed = (await registry.FindAsync(source.Id, CancellationToken.None))!.ClaimedThrough;
            var range = await RangeClaims.TryTakeOverAsync(through, source.Id, owner, lease, long.MaxValue, CancellationToken.None)
                ?? (claimed < End ? await RangeClaims.TryClaimAsync(through, source.Id, claimed, claimed + 10, owner, lease, CancellationToken.None) : null);
            if (range is not null)
            {
                RejectedLine[] rejects = [new(range.From + 5, 2, "bad", default)];
                range = range.Frozen is null
                    ? await RangeFreeze.TryFreezeAsync(through, range, LedgerDatabase.Frozen(range, deltas, 2, rejects, lines: 3), CancellationToken.None)
                    : range;
                foreach (var part in range?.Frozen!.Parts ?? [])
                {
                    await PartMerge.MergeAsync(through, range!.Id, part, deltas, 1, database.History, CancellationToken.None);
                }

                if (range is not null)
                {
                    await RejectMerge.MergeAsync(through, source.Id, range.Id, range.Frozen!.RejectsMergedThrough, rejects, CancellationToken.None);
                }
            }

            await RangeClose.CloseAsync(through, source.Id, LedgerDatabase.TailHash, CancellationToken.None);
        }
    }

    [Fact]
    public async Task M10_a_generation_with_a_lost_answer_starts_once_under_its_id()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var digest = new FileDigest(10, new byte[32]);
        await database.Registry.ResolveFileAsync(Guid.NewGuid(), "/f", [digest], CancellationToken.None);
        var id = Guid.NewGuid();
        var first = await database.Registry.StartNextGenerationAsync(id, "/f", digest, CancellationToken.None);
        var again = await database.Registry.StartNextGenerationAsync(id, "/f", digest, CancellationToken.None);
        Assert.Equal((id, 2, id, 2), (first.Id, first.Generation, again.Id, again.Generation));
        Assert.Equal(2L, await database.ScalarAsync<long>("select count(*) from event_source"));
    }

    [Fact]
    public async Task M10_files_with_lost_answers_are_created_grown_and_counted_again_once()
    {
        const int Files = 15;
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var random = Seed.Random(nameof(M10_files_with_lost_answers_are_created_grown_and_counted_again_once));
        await using var proxy = Proxy(database, random, cuts: 60);
        await using var cut = Through(database, proxy);
        var registry = new SourceRegistry(cut);
        for (var file = 0; file < Files; file++)
        {
            // Each step has a separate id, chosen before its first attempt.
            var (creation, growth, again) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
            var (some, all) = (Digest(file, 10), Digest(file, 20));
            var made = await UntilHeardAsync(() => registry.ResolveFileAsync(creation, "/f", [some], CancellationToken.None));
            Assert.True((FileMatch.New, creation) == (made.Match, made.Sources.Single().Id), Seed.Hint);
            var grown = await UntilHeardAsync(() => registry.ResolveFileAsync(growth, "/f", [some, all], CancellationToken.None));
            Assert.True((FileMatch.Grown, creation, 20L) == (grown.Match, grown.Sources.Single().Id, grown.Sources.Single().Length), Seed.Hint);
            Assert.Equal(2, (await UntilHeardAsync(() => registry.StartNextGenerationAsync(again, "/f", all, CancellationToken.None))).Generation);
        }

        Assert.True(proxy.CutsLeft < 60 - Files, $"the proxy cut too few connections, {Seed.Hint}");
        Assert.Equal($"{2 * Files} {2 * Files}",
            await database.ScalarAsync<string>("select (select count(*) from event_source) || ' ' || (select count(*) from event_source_digest)"));

        static FileDigest Digest(int file, long length) =>
            new(length, System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(file * 100 + length)));
    }

    private static FaultProxy Proxy(LedgerDatabase database, Random random, int cuts)
    {
        var proxy = new FaultProxy(database.ConnectionString);
        proxy.CutRandomly(random, cuts);
        return proxy;
    }

    private static NpgsqlDataSource Through(LedgerDatabase database, FaultProxy proxy) => NpgsqlDataSource.Create(proxy.Through(database.ConnectionString));

    private static async Task<T> UntilHeardAsync<T>(Func<Task<T>> read)
    {
        while (true)
        {
            try
            {
                return await read();
            }
            catch (Exception error) when (DatabaseErrors.IsTransient(error))
            {
                await Task.Delay(5);
            }
        }
    }
}

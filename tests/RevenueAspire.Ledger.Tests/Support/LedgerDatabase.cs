using System.Numerics;
using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>A separate database with the schema, and helpers for tests.</summary>
public sealed class LedgerDatabase : TestDatabase
{
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private const string HistoryFaults =
        """
        with chain as (
          select user_id, seq, revenue, balance, lag(balance, 1, 0::numeric) over same as before, lead(seq) over same is null as is_last,
            (select sum(t.sign * e.value::numeric) from history_events(h.events, h.at) e join history_type t using (type_no)) as listed
          from event_history h window same as (partition by user_id order by seq)
        )
        select (select count(*) from chain where balance <> before + revenue or listed <> revenue)
          + (select count(*) from users_revenue u full join (select * from chain where is_last) c using (user_id) where u.revenue is distinct from c.balance)
        """;

    private LedgerDatabase(string connectionString)
        : base(connectionString) =>
        (Registry, Queries) = (new SourceRegistry(Source), new LedgerQueries(Source));

    public NpgsqlDataSource Source => Database;

    public SourceRegistry Registry { get; }

    public LedgerQueries Queries { get; }

    /// <summary>Null if the ledger keeps no history.</summary>
    public HistoryWriter? History { get; private set; }

    /// <summary>Creates a database.</summary>
    /// <param name="distributed">Makes it look distributed; see <see cref="DistributedForm"/>.</param>
    /// <param name="history">Enables the history at once. Ignored for a distributed ledger.</param>
    public static async Task<LedgerDatabase> CreateAsync(bool distributed = false, bool history = false)
    {
        var database = new LedgerDatabase(await TestPostgres.CreateDatabaseAsync());
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        if (history && !distributed)
        {
            await database.EnableHistoryAsync();
        }

        if (distributed)
        {
            await database.ExecuteAsync(DistributedForm.Script);
        }

        return database;
    }

    /// <summary>Begins or continues the history.</summary>
    public async Task<HistoryWriter> EnableHistoryAsync() =>
        History = await LedgerHistory.EnableAsync(Source, TestDeltas.Types, CancellationToken.None);

    /// <summary>Opens a source for a new log.</summary>
    public Task<LedgerSource> OpenLogAsync() => Registry.OpenLogAsync(Guid.NewGuid(), "/logs/a", CancellationToken.None);

    /// <summary>Applies a range of a log without comparing the bytes before it.</summary>
    public Task<bool> ApplyAsync(
        Guid sourceId, long from, long to, ISortedDeltas deltas, IReadOnlyList<RejectedLine> rejects, long lines, long events,
        ReadOnlyMemory<byte> tailHash = default) =>
        LiveApply.TryApplyAsync(Source, sourceId, from, to, deltas, rejects, lines, events, tailHash, default, null, History, CancellationToken.None);

    /// <summary>Freezes the range [0, length) of a new log, with the users split into the given number of parts.</summary>
    public async Task<EventRange> FreezeAsync(TestDeltas deltas, int parts, IReadOnlyList<RejectedLine>? rejects = null, long length = 1000)
    {
        var source = await OpenLogAsync();
        var range = await RangeClaims.TryClaimAsync(Source, source.Id, 0, length, Guid.NewGuid(), Lease, CancellationToken.None);
        return (await RangeFreeze.TryFreezeAsync(Source, range!, Frozen(range!, deltas, parts, rejects), CancellationToken.None))!;
    }

    public static FrozenRange Frozen(
        EventRange range, TestDeltas deltas, int parts, IReadOnlyList<RejectedLine>? rejects = null, long? end = null, long lines = 10)
    {
        rejects ??= [];
        return new FrozenRange(
            end ?? range.To, new byte[32], new byte[32], lines, lines - rejects.Count, rejects.Count,
            rejects.Count == 0 ? -1 : rejects[^1].Offset, -1, deltas.Split(parts), deltas.Sum());
    }

    /// <summary>Closes finished ranges of a source.</summary>
    /// <returns>The offset up to which the source is applied, and the number of open ranges.</returns>
    public async Task<(long AppliedThrough, long OpenRanges)> CloseAsync(Guid sourceId) =>
        (await RangeClose.CloseAsync(Source, sourceId, TailHash, CancellationToken.None),
            await ScalarAsync<long>($"select count(*) from event_range where source_id = '{sourceId}'"));

    public static ReadOnlyMemory<byte> TailHash(long offset) => System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(offset));

    /// <summary>
    /// Merges a part to its end, as a processor does: after transient errors and moved watermarks, reads the range again and continues.
    /// </summary>
    /// <returns>The transient errors.</returns>
    public static async Task<List<Exception>> MergeStubbornlyAsync(NpgsqlDataSource source, Guid rangeId, int index, ISortedDeltas deltas, int batchRows,
        HistoryWriter? history = null)
    {
        var errors = new List<Exception>();
        while (true)
        {
            try
            {
                if (await RangeClaims.FindAsync(source, rangeId, CancellationToken.None) is not { } range
                    || await PartMerge.MergeAsync(source, rangeId, range.Frozen!.Parts[index], deltas, batchRows, history, CancellationToken.None))
                {
                    return errors;
                }
            }
            catch (Exception error) when (DatabaseErrors.IsTransient(error))
            {
                errors.Add(error);
                await Task.Delay(5);
            }
        }
    }

    /// <summary>Reads all balances. With a history, it also checks the rows of each user: in order of application they lead from zero to the balance, and each
    /// row's events add up to the row's revenue.</summary>
    public async Task<SortedDictionary<string, BigInteger>> BalancesAsync()
    {
        if (History is not null)
        {
            Assert.Equal(0L, await ScalarAsync<long>(HistoryFaults));
        }

        var balances = new SortedDictionary<string, BigInteger>(StringComparer.Ordinal);
        await using var snapshot = await LedgerSnapshot.OpenAsync(Source, CancellationToken.None);
        await foreach (var (user, revenue) in snapshot.ReadBalancesAsync(CancellationToken.None))
        {
            balances.Add(System.Text.Encoding.UTF8.GetString(user.Span), revenue);
        }

        return balances;
    }

    /// <summary>Asserts that the sources' running sums and the balances have equal totals, as they must when every range is closed.</summary>
    public async Task AssertTotalAsync() =>
        Assert.Equal(await ScalarAsync<string>("select coalesce(sum(revenue), 0)::text from users_revenue"),
            await ScalarAsync<string>("select coalesce(sum(revenue_through), 0)::text from event_source"));
}

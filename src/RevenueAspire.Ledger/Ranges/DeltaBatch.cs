using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace RevenueAspire.Ledger;

/// <summary>A batch of users and sums as parameters of an upsert, ids as UTF-8 in one buffer. Used again batch after batch; not thread-safe.</summary>
internal sealed class DeltaBatch
{
    private byte[] _ids = [];
    private int[] _ends = [];
    private ReadOnlyMemory<byte>[] _users = [];
    private long[] _sums = [];
    private Int128[] _wideSums = [];

    /// <summary>True when a sum does not fit into 64 bits: then all go as numeric.</summary>
    public bool Wide { get; private set; }

    /// <summary>The batch's last user id.</summary>
    public ReadOnlyMemory<byte> LastUser { get; private set; }

    /// <summary>Copies users from start (inclusive) to end (exclusive).</summary>
    /// <exception cref="ArgumentException">The users do not ascend: a watermark would pass users that were never added.</exception>
    public void Fill(ISortedDeltas deltas, int start, int end)
    {
        var count = end - start;
        if (_users.Length != count)
        {
            // Exactly as long as the batch, since the whole array is sent; only a part's last batch differs.
            (_users, _sums, _wideSums, _ends) = (new ReadOnlyMemory<byte>[count], new long[count], new Int128[count], new int[count]);
        }

        Wide = false;
        var used = 0;
        for (var i = 0; i < count; i++)
        {
            var id = deltas.UserId(start + i);
            if (start + i > 0 && id.SequenceCompareTo(deltas.UserId(start + i - 1)) <= 0)
            {
                throw new ArgumentException("Users must come in ascending order of the bytes of their ids, each once.", nameof(deltas));
            }

            if (_ids.Length - used < id.Length)
            {
                Array.Resize(ref _ids, Math.Max(used + id.Length, Math.Max(2 * _ids.Length, count * 32)));
            }

            id.CopyTo(_ids.AsSpan(used));
            _ends[i] = used += id.Length;
            var sum = deltas.Delta(start + i);
            _wideSums[i] = sum;
            _sums[i] = unchecked((long)sum);
            Wide |= _sums[i] != sum;
        }

        for (var i = 0; i < count; i++)
        {
            var from = i == 0 ? 0 : _ends[i - 1];
            _users[i] = _ids.AsMemory(from, _ends[i] - from);
        }

        LastUser = count == 0 ? default : _users[^1];
    }

    /// <summary>The users, for a parameter.</summary>
    public ReadOnlyMemory<byte>[] Users => _users;

    /// <summary>The sums as a parameter: bigint[], or decimal digits as text[] when one is wide (exact at any size).</summary>
    public NpgsqlParameter Sums() => Wide
        ? new NpgsqlParameter<string[]>
        {
            TypedValue = [.. _wideSums.Select(sum => sum.ToString(CultureInfo.InvariantCulture))],
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
        }
        : new NpgsqlParameter<long[]> { TypedValue = _sums, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };

    /// <summary>The upsert, for the statement of a range or a part: users in the parameter <paramref name="first"/>, sums in the one behind.</summary>
    /// <remarks>
    /// Nothing is written unless <c>moved</c> has a row, and <c>moved</c> runs first, since this reads it. The order is the bytes' (M5): the sort costs next to nothing on rows
    /// that come sorted, and states what a plan could otherwise drop. A user whose sum is zero gets a row, too.
    /// </remarks>
    public static string Upsert(int first, bool wide) =>
        $"""
        insert into users_revenue as r (user_id, revenue)
        select b.user_id, b.delta::numeric from unnest(${first}::text[], ${first + 1}::{(wide ? "text" : "bigint")}[]) as b (user_id, delta)
        where exists (select from moved)
        order by b.user_id collate "C"
        on conflict (user_id) do update set revenue = r.revenue + excluded.revenue
        """;
}

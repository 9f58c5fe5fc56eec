using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>A batch of users and sums as parameters of an upsert. Reusable for the next batch; not thread-safe.</summary>
/// <remarks>
/// The client sends all ids as one text with separators, and all sums as another; the server splits both. An array parameter of Npgsql would cost half a
/// dozen virtual calls per element. In a process that runs for two seconds, the just-in-time compiler optimizes these calls too late. Sums travel as decimal
/// digits, so they can have any size.
/// </remarks>
/// <param name="history">If not null, the batch also contains history rows for its users, and repeats the user's id for each row.</param>
/// <param name="isWhole">Puts all users into one batch, even if their history is large.</param>
internal sealed class DeltaBatch(HistoryRows? history = null, bool isWhole = false)
{
    /// <summary>The default separator of ids, U+001F. If an id contains it, the batch switches to a random separator.</summary>
    private static readonly byte[] UnitSeparator = [0x1F];

    private static readonly byte[] Comma = [(byte)','];

    public const string NotAmong = "The users differ from those at the freeze of the range: its watermark or its upper key is missing.";

    private byte[] _ids = [];
    private byte[] _sums = [];
    private byte[] _separator = UnitSeparator;
    private int _idsLength;
    private int _sumsLength;

    /// <summary>Number of users.</summary>
    public int Count { get; private set; }

    /// <summary>The batch's last user id, valid until the next <see cref="Fill"/>.</summary>
    public ReadOnlyMemory<byte> LastUser { get; private set; }

    /// <summary>Copies the next users.</summary>
    /// <param name="users">Moved to the last copied user.</param>
    /// <param name="after">The user before the first one to copy, or empty.</param>
    /// <param name="rows">Maximum number of users. The batch gets fewer if their history is large.</param>
    /// <param name="through">The last user to copy, or empty to copy all.</param>
    /// <exception cref="ArgumentException">The users do not ascend. The watermark would skip users that were never added.</exception>
    /// <exception cref="InvalidOperationException">The users do not include <paramref name="through"/>.</exception>
    // Fully optimized at the first call, like the methods below: a merge is over before tiered compilation would optimize them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(IDeltaReader users, ReadOnlySpan<byte> after, int rows, ReadOnlySpan<byte> through)
    {
        (_idsLength, _sumsLength, Count, _separator) = (0, 0, 0, UnitSeparator);
        history?.Clear();
        var last = after;
        while (Count < rows && (isWhole || history is not { IsFull: true }) && (through.IsEmpty || !last.SequenceEqual(through)))
        {
            if (!users.Read())
            {
                if (!through.IsEmpty)
                {
                    throw new InvalidOperationException(NotAmong);
                }

                return;
            }

            var id = users.UserId;
            if (id.SequenceCompareTo(last) <= 0)
            {
                throw new ArgumentException("Users must be unique and in ascending byte order of their ids.", nameof(users));
            }

            if (!through.IsEmpty && id.SequenceCompareTo(through) > 0)
            {
                throw new InvalidOperationException(NotAmong);
            }

            if (_separator.Length == UnitSeparator.Length && id.Contains(UnitSeparator[0]))
            {
                ChangeSeparator();
            }

            if (Count > 0)
            {
                Append(ref _ids, ref _idsLength, _separator);
                Append(ref _sums, ref _sumsLength, Comma);
            }

            Append(ref _ids, ref _idsLength, id);
            LastUser = _ids.AsMemory(_idsLength - id.Length, id.Length);
            last = LastUser.Span;
            AppendSum(users.Delta);
            Count++;
            for (var more = history?.AddUser(users) ?? 1; more > 1; more--)
            {
                // Only the first row of a user has the sum, so the sum is added once.
                Append(ref _ids, ref _idsLength, _separator);
                Append(ref _ids, ref _idsLength, LastUser.Span);
                Append(ref _sums, ref _sumsLength, Comma);
            }
        }
    }

    /// <summary>Adds the parameters of <see cref="Upsert"/>.</summary>
    public void AddUsersTo(NpgsqlParameterCollection parameters)
    {
        parameters.Add(WriteBatch.Text(_ids.AsMemory(0, _idsLength)));
        parameters.Add(WriteBatch.Text(_sums.AsMemory(0, _sumsLength)));
        parameters.Add(WriteBatch.Text(_separator));
    }

    /// <summary>Adds the further parameters of <see cref="UpsertWithHistory"/>.</summary>
    /// <param name="parameters">Of the statement.</param>
    /// <param name="onlyNew">The form of the statement.</param>
    public void AddHistoryTo(NpgsqlParameterCollection parameters, bool onlyNew) => history!.AddTo(parameters, onlyNew);

    /// <summary>Returns the upsert for the statement of a range or a part. Its three parameters are ids, sums and separator.</summary>
    /// <remarks>
    /// It reads <c>moved</c>, so <c>moved</c> runs first, and without a row in <c>moved</c> it writes nothing. It writes users in byte order (M5): without
    /// "order by" a plan could use another order, and sorting sorted rows costs almost nothing. A user with sum zero also gets a row.
    /// </remarks>
    /// <param name="first">Number of the first parameter.</param>
    /// <param name="onlyNew">Assumes that no user has a row; if one has, the whole statement fails with 23505. The statement then omits "on conflict", which
    /// takes twice as long because it announces, confirms and logs each row separately.</param>
    public static string Upsert(int first, bool onlyNew) =>
        $"""
        insert into users_revenue as r (user_id, revenue)
        select b.user_id, b.delta::numeric
          from rows from (string_to_table(${first}::text, ${first + 2}::text), string_to_table(${first + 1}::text, ',')) as b (user_id, delta)
        where exists (select 1 from moved)
        order by b.user_id collate "C"
        {(onlyNew ? "" : "on conflict (user_id) do update set revenue = r.revenue + excluded.revenue")}
        """;

    /// <summary>Returns the upsert together with the query parts <c>rows</c> and <c>history</c>, which write the history.</summary>
    /// <param name="first">As for <see cref="Upsert"/>.</param>
    /// <param name="history">Number of the first parameter of <see cref="AddHistoryTo"/>.</param>
    /// <param name="onlyNew">As for <see cref="Upsert"/>.</param>
    public static string UpsertWithHistory(int first, int history, bool onlyNew) =>
        $"""
        rows as materialized (
          select * from rows from (
            string_to_table(${first}::text, ${first + 2}::text), string_to_table(${first + 1}::text, ','),
            {HistoryRows.From(history)}
          ) with ordinality as b (user_id, delta, revenue, rest, start, length, time, place)
        ), merged as (
          insert into users_revenue as r (user_id, revenue)
          select b.user_id, b.delta::numeric from rows b where b.delta <> '' and exists (select from moved)
          order by b.user_id collate "C"
          {(onlyNew ? "" : "on conflict (user_id) do update set revenue = r.revenue + excluded.revenue")}
          returning {(onlyNew ? "1" : "user_id, revenue")}
        ), history as (
          {HistoryRows.Insert(history, onlyNew)}
        )
        """;

    /// <summary>Replaces the separator by U+001F and random digits. The only U+001F is its first character, so no match can overlap an id and a separator.
    /// Clients cannot guess a random separator, so no id contains it.</summary>
    private void ChangeSeparator()
    {
        byte[] separator = [.. UnitSeparator, .. Encoding.ASCII.GetBytes(RandomNumberGenerator.GetHexString(32))];
        var ids = _ids.AsSpan(0, _idsLength).ToArray();
        _idsLength = 0;
        for (var rest = ids.AsSpan(); Count > 0;)
        {
            var end = rest.IndexOf(UnitSeparator[0]);
            Append(ref _ids, ref _idsLength, end < 0 ? rest : rest[..end]);
            if (end < 0)
            {
                break;
            }

            Append(ref _ids, ref _idsLength, separator);
            rest = rest[(end + 1)..];
        }

        _separator = separator;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AppendSum(Int128 sum)
    {
        const int LongestSum = 40;
        if (_sums.Length - _sumsLength < LongestSum)
        {
            Array.Resize(ref _sums, Math.Max(1 << 16, 2 * _sums.Length));
        }

        var free = _sums.AsSpan(_sumsLength);
        int written;
        var narrow = unchecked((long)sum);
        _ = narrow == sum ? narrow.TryFormat(free, out written) : sum.TryFormat(free, out written);
        _sumsLength += written;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Append(ref byte[] buffer, ref int length, ReadOnlySpan<byte> bytes)
    {
        if (buffer.Length - length < bytes.Length)
        {
            Array.Resize(ref buffer, Math.Max(length + bytes.Length, Math.Max(1 << 17, 2 * buffer.Length)));
        }

        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }
}

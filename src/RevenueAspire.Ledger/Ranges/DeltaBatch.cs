using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>A batch of users and sums as parameters of an upsert. Used again batch after batch; not thread-safe.</summary>
/// <remarks>
/// The client sends all ids as one text with separators and all sums as another; the server splits them. An array parameter of Npgsql passes each element
/// through half a dozen virtual calls. In a process that lives for two seconds, the just-in-time compiler optimizes them too late. Digits also carry a sum
/// of any size.
/// </remarks>
/// <param name="history">Not null: the batch carries the rows of its users' history too, and a user's id once per row.</param>
/// <param name="isLog">Whether the users come from a log; used with <paramref name="history"/>.</param>
/// <param name="isWhole">All users go into one batch, however large their history is.</param>
internal sealed class DeltaBatch(HistoryWriter? history = null, bool isLog = false, bool isWhole = false)
{
    /// <summary>The default separator of ids, U+001F; another one is used if an id contains it.</summary>
    private static readonly byte[] UnitSeparator = [0x1F];

    private static readonly byte[] Comma = [(byte)','];

    public const string NotAmong = "The users are not those that the range was frozen with: its watermark or its upper key is not among them.";

    private readonly HistoryRows? _rows = history is null ? null : new HistoryRows(history);
    private byte[] _ids = [];
    private byte[] _sums = [];
    private byte[] _separator = UnitSeparator;
    private int _idsLength;
    private int _sumsLength;

    /// <summary>Number of users.</summary>
    public int Count { get; private set; }

    /// <summary>The batch's last user id; lives until the next <see cref="Fill"/>.</summary>
    public ReadOnlyMemory<byte> LastUser { get; private set; }

    /// <summary>Copies the next users.</summary>
    /// <param name="users">Moved to the last user that is copied.</param>
    /// <param name="after">The user before them, or empty.</param>
    /// <param name="rows">Users at most; fewer where their history is large.</param>
    /// <param name="through">The last user to copy, or empty: then to the end.</param>
    /// <exception cref="ArgumentException">The users do not ascend: a watermark would pass users that were never added.</exception>
    /// <exception cref="InvalidOperationException">The last user to copy is not among them.</exception>
    // Optimized at the first call, as the methods below: a merge ends before the runtime would compile it again.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(IDeltaReader users, ReadOnlySpan<byte> after, int rows, ReadOnlySpan<byte> through)
    {
        (_idsLength, _sumsLength, Count, _separator) = (0, 0, 0, UnitSeparator);
        _rows?.Clear();
        var last = after;
        while (Count < rows && (isWhole || _rows is not { IsFull: true }) && (through.IsEmpty || !last.SequenceEqual(through)))
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
                throw new ArgumentException("Users must come in ascending order of the bytes of their ids, each once.", nameof(users));
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
            for (var more = _rows?.AddUser(users, isLog) ?? 1; more > 1; more--)
            {
                // Its sum is added once: with the first of its rows.
                Append(ref _ids, ref _idsLength, _separator);
                Append(ref _ids, ref _idsLength, LastUser.Span);
                Append(ref _sums, ref _sumsLength, Comma);
            }
        }
    }

    /// <summary>Adds the parameters that <see cref="Upsert"/> names.</summary>
    public void AddUsersTo(NpgsqlParameterCollection parameters)
    {
        parameters.Add(WriteBatch.Text(_ids.AsMemory(0, _idsLength)));
        parameters.Add(WriteBatch.Text(_sums.AsMemory(0, _sumsLength)));
        parameters.Add(WriteBatch.Text(_separator));
    }

    /// <summary>Adds the parameters that <see cref="UpsertWithHistory"/> names beside them, but for the source's number.</summary>
    public void AddHistoryTo(NpgsqlParameterCollection parameters) => _rows!.AddTo(parameters);

    /// <summary>The upsert, for the statement of a range or a part; ids, sums and separator are the parameter <paramref name="first"/> and the
    /// next two.</summary>
    /// <remarks>
    /// Nothing is written unless <c>moved</c> has a row, and <c>moved</c> runs first, since this reads it. The order is the bytes' (M5): the sort costs next to
    /// nothing on rows that come sorted, and states an order that a plan could otherwise drop. A user whose sum is zero gets a row, too.
    /// </remarks>
    /// <param name="first">Number of the first parameter.</param>
    /// <param name="onlyNew">Whether none of the users has a row: where that proves wrong, the statement fails as a whole with 23505. It saves "on conflict",
    /// which announces, confirms and logs each row separately, and so takes twice as long.</param>
    public static string Upsert(int first, bool onlyNew) =>
        $"""
        insert into users_revenue as r (user_id, revenue)
        select b.user_id, b.delta::numeric
          from rows from (string_to_table(${first}::text, ${first + 2}::text), string_to_table(${first + 1}::text, ',')) as b (user_id, delta)
        where exists (select 1 from moved)
        order by b.user_id collate "C"
        {(onlyNew ? "" : "on conflict (user_id) do update set revenue = r.revenue + excluded.revenue")}
        """;

    /// <summary>The upsert, and before and after it the parts <c>rows</c> and <c>history</c>, which write the history.</summary>
    /// <param name="first">As for <see cref="Upsert"/>.</param>
    /// <param name="source">Number of the parameter with the source's number; those of <see cref="AddHistoryTo"/> follow it.</param>
    /// <param name="onlyNew">As for <see cref="Upsert"/>.</param>
    public static string UpsertWithHistory(int first, int source, bool onlyNew) =>
        $"""
        rows as materialized (
          select * from rows from (
            string_to_table(${first}::text, ${first + 2}::text), string_to_table(${first + 1}::text, ','),
            {HistoryRows.From(source + 1)}
          ) with ordinality as b (user_id, delta, revenue, rest, start, length, time, place)
        ), merged as (
          insert into users_revenue as r (user_id, revenue)
          select b.user_id, b.delta::numeric from rows b where b.delta <> '' and exists (select from moved)
          order by b.user_id collate "C"
          {(onlyNew ? "" : "on conflict (user_id) do update set revenue = r.revenue + excluded.revenue")}
          returning user_id, revenue
        ), history as (
          {HistoryRows.Insert(source)}
        )
        """;

    /// <summary>Divides the ids by a random text from here on. It begins with U+001F and has it nowhere else, so that no match can begin in an id and end in a
    /// separator; a caller cannot send it, since it is random.</summary>
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

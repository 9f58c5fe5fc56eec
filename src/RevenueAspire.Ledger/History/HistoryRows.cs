using System.Runtime.CompilerServices;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Rows of <c>event_history</c> for the users of a <see cref="DeltaBatch"/>, as parameters. Reusable for the next batch; not thread-safe.</summary>
/// <remarks>
/// The client sends the events of all rows as one value, and the server cuts it into rows. It sends numbers as the text of arrays, which the server parses in
/// one pass. The driver's array parameters would cost several virtual calls per element.
/// </remarks>
/// <param name="writer">Of the ledger.</param>
/// <param name="sourceNumber">The users' source: <see cref="HistoryWriter.SourceNumberAsync"/>.</param>
/// <param name="isLog">Events have a time, and each row contains events of one hour. An event without a time gets the current time.</param>
internal sealed class HistoryRows(HistoryWriter writer, int sourceNumber, bool isLog)
{
    /// <summary>Maximum bytes of events in a row. The row then stays in its page even with the longest user id.</summary>
    internal const int MaxRowBytes = 1500;

    /// <summary>Maximum number of events in a row.</summary>
    internal const int MaxRowEvents = 256;

    /// <summary>Bytes of events after which a batch accepts no more users, so that its statement stays short. A user's events are never divided between
    /// batches.</summary>
    internal const int MaxBatchBytes = 1 << 20;

    private const long MillisecondsPerHour = 3_600_000;

    private readonly NumberList _revenues = new();
    private readonly NumberList _rests = new();

    // The balances if all users of the batch are new: sent instead of the rests.
    private readonly NumberList _sums = new();
    private readonly NumberList _starts = new();
    private readonly NumberList _lengths = new();
    private readonly NumberList _times = new();
    private readonly List<Int128> _userRevenues = [];
    private byte[] _events = [];
    private int _length;

    /// <summary>Whether this batch accepts no more users.</summary>
    public bool IsFull => _length >= MaxBatchBytes;

    /// <summary>Begins a batch.</summary>
    public void Clear()
    {
        _length = 0;
        foreach (var list in (ReadOnlySpan<NumberList>)[_revenues, _rests, _sums, _starts, _lengths, _times])
        {
            list.Clear();
        }
    }

    /// <summary>Adds the rows of the reader's current user.</summary>
    /// <param name="user">The reader, before the user's first event.</param>
    /// <returns>Number of rows, at least 1.</returns>
    /// <exception cref="InvalidOperationException">The events do not add up to the user's sum, or do not ascend.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int AddUser(IDeltaReader user)
    {
        var types = writer.Types;
        var (rowStart, rowEvents, rowHour) = (_length, 0, 0L);
        var (offset, time, revenue, total, last) = (0L, 0L, (Int128)0, (Int128)0, -1L);
        _userRevenues.Clear();
        while (user.ReadEvent(out var applied))
        {
            if (applied.Offset <= last || (uint)applied.Type >= (uint)types.Length)
            {
                throw new InvalidOperationException("The events of a user must ascend by their offsets, and be of known types.");
            }

            last = applied.Offset;
            var now = !isLog ? AppliedEvent.NoTime
                : applied.Time == AppliedEvent.NoTime ? DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() : applied.Time;
            var hour = isLog ? Math.DivRem(now, MillisecondsPerHour).Quotient : 0;
            if (rowEvents == MaxRowEvents || _length - rowStart > MaxRowBytes - HistoryCodec.MaxEventBytes || (rowEvents > 0 && hour != rowHour))
            {
                EndRow(rowStart, revenue);
                (rowStart, rowEvents, offset, revenue) = (_length, 0, 0, 0);
            }

            if (_events.Length - _length < HistoryCodec.MaxHeaderBytes + HistoryCodec.MaxEventBytes)
            {
                Array.Resize(ref _events, Math.Max(MaxBatchBytes + (1 << 16), 2 * _events.Length));
            }

            if (rowEvents++ == 0)
            {
                _length += HistoryCodec.WriteHeader(_events.AsSpan(_length), sourceNumber, isLog);
                (rowHour, time) = (hour, AppliedEvent.NoTime);
                if (isLog)
                {
                    _times.Add(now);
                }
            }

            var (number, sign) = types[applied.Type];
            _length += HistoryCodec.Write(_events.AsSpan(_length), new AppliedEvent(applied.Offset, number, applied.Value, now), offset, time);
            (offset, time) = (applied.Offset, now);
            var amount = sign * (Int128)applied.Value;
            (revenue, total) = (revenue + amount, total + amount);
        }

        if (rowEvents == 0 || total != user.Delta)
        {
            throw new InvalidOperationException("A user's events do not add up to the user's sum: the range was aggregated without them.");
        }

        EndRow(rowStart, revenue);

        // A row's balance is the user's new balance minus the revenue of the later rows.
        foreach (var rowRevenue in _userRevenues)
        {
            total -= rowRevenue;
            _rests.Add(total);
            _sums.Add(user.Delta - total);
        }

        return _userRevenues.Count;
    }

    /// <summary>Adds the parameters of <see cref="Insert"/> and <see cref="From"/>.</summary>
    /// <param name="parameters">Of the statement.</param>
    /// <param name="onlyNew">The form of the statement.</param>
    public void AddTo(NpgsqlParameterCollection parameters, bool onlyNew)
    {
        parameters.Add(WriteBatch.Bytes(_events.AsMemory(0, _length)));
        foreach (var list in (ReadOnlySpan<NumberList>)[_revenues, onlyNew ? _sums : _rests, _starts, _lengths, _times])
        {
            parameters.Add(WriteBatch.Text(list.End()));
        }
    }

    /// <summary>Returns SQL for the columns of the rows. The users of the batch are further columns.</summary>
    /// <param name="first">Number of the first parameter.</param>
    public static string From(int first) =>
        $"unnest(${first + 1}::text::numeric[]), unnest(${first + 2}::text::numeric[]), unnest(${first + 3}::text::integer[]), "
            + $"unnest(${first + 4}::text::integer[]), unnest(${first + 5}::text::bigint[])";

    /// <summary>Returns SQL that stores the rows, for a statement with the query parts <c>rows</c> and <c>merged</c>.</summary>
    /// <remarks>The statement reads all of <c>merged</c> before it draws the first <c>seq</c>. All users are then locked, so a user's <c>seq</c> ascends in the
    /// order in which the balance changed. The balance of a new user is the sum of its rows, so it needs no join.</remarks>
    /// <param name="first">Number of the first parameter.</param>
    /// <param name="onlyNew">As for <see cref="DeltaBatch.Upsert"/>.</param>
    public static string Insert(int first, bool onlyNew) =>
        $"""
        insert into event_history (seq, at, user_id, revenue, balance, events)
        select nextval('history_seq'), coalesce(timestamptz 'epoch' + s.time * interval '1 millisecond', statement_timestamp()), s.user_id,
          s.revenue, s.balance, substr(${first}, s.start, s.length)
        from (
          select b.user_id, b.revenue, {(onlyNew ? "b.rest" : "m.revenue - b.rest")} as balance, b.start, b.length, b.time
          from {(onlyNew ? "rows b where (select count(*) from merged) > 0" : "merged m join rows b using (user_id)")} order by b.place
        ) as s
        """;

    private void EndRow(int start, Int128 revenue)
    {
        _revenues.Add(revenue);
        _userRevenues.Add(revenue);
        _starts.Add(start + 1);
        _lengths.Add(_length - start);
    }

    /// <summary>Builds the text of an array of numbers.</summary>
    private sealed class NumberList
    {
        private const int LongestNumber = 41;
        private byte[] _text = new byte[1 << 10];
        private int _length;

        public void Clear() => _length = 0;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Add(Int128 number)
        {
            if (_text.Length - _length <= LongestNumber)
            {
                Array.Resize(ref _text, 2 * _text.Length);
            }

            _text[_length++] = _length == 1 ? (byte)'{' : (byte)',';
            int written;
            var narrow = unchecked((long)number);
            _ = narrow == number ? narrow.TryFormat(_text.AsSpan(_length), out written) : number.TryFormat(_text.AsSpan(_length), out written);
            _length += written;
        }

        /// <summary>Ends the array, and returns its text, valid until <see cref="Clear"/>.</summary>
        public ReadOnlyMemory<byte> End()
        {
            if (_length == 0)
            {
                return "{}"u8.ToArray();
            }

            _text[_length] = (byte)'}';
            return _text.AsMemory(0, _length + 1);
        }
    }
}

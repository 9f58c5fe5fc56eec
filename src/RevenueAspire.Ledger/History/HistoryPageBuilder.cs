using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>A row of <c>event_history</c>.</summary>
/// <param name="Seq">Position in the order of application.</param>
/// <param name="At">Time of the row (UTC).</param>
/// <param name="Revenue">Sum of the events.</param>
/// <param name="Balance">The user's balance after the events.</param>
/// <param name="Events">The encoded events; null if no event can match the filter.</param>
internal readonly record struct HistoryPageRow(long Seq, DateTime At, BigInteger Revenue, BigInteger Balance, byte[]? Events);

/// <summary>Builds a page from rows in descending order. Not thread-safe.</summary>
internal sealed class HistoryPageBuilder
{
    private readonly HistoryRequest _request;
    private readonly Dictionary<int, HistoryType> _types;
    private readonly List<(HistoryItem Item, int Source)> _items = [];
    private bool _isFirstRow = true;
    private bool _isEnd;
    private BigInteger? _openingOfItems;
    private BigInteger? _openingOfRows;
    private HistoryCursor? _next;
    private HistoryCursor _last;

    /// <summary>Begins a page.</summary>
    public HistoryPageBuilder(HistoryRequest request, Dictionary<int, HistoryType> types)
    {
        (_request, _types) = (request, types);

        // All events of a row are from the same hour, and the row's time is the time of one of them.
        RowsFrom = request.From is { } from ? new DateTime(from.Ticks - (from.Ticks % TimeSpan.TicksPerHour), DateTimeKind.Utc) : DateTime.MinValue;
        RowsTo = request.To is { } to && DateTime.MaxValue - to > TimeSpan.FromHours(1)
            ? new DateTime(to.Ticks + TimeSpan.TicksPerHour - 1 - ((to.Ticks - 1) % TimeSpan.TicksPerHour), DateTimeKind.Utc)
            : DateTime.MaxValue;
    }

    /// <summary>Rows before this time contain no event of the requested period.</summary>
    public DateTime RowsFrom { get; }

    /// <summary>Rows at or after this time contain no event of the requested period.</summary>
    public DateTime RowsTo { get; }

    /// <summary>Whether the request continues from a position that does not exist in this user's history.</summary>
    public bool IsAfterUnknown { get; private set; }

    /// <summary>The numbers of the logs that the page's events are from.</summary>
    public int[] LogNumbers => [.. _items.Where(item => item.Item.Time is not null).Select(item => item.Source).Distinct()];

    /// <summary>Adds the next row.</summary>
    /// <returns>False when the page is complete.</returns>
    public bool Add(HistoryPageRow row)
    {
        var (source, events) = row.Events is null ? (0, []) : HistoryCodec.Read(row.Events, ToMilliseconds(row.At));
        var index = events.Count - 1;
        var balance = row.Balance;
        if (_isFirstRow && _request.After is { } after)
        {
            if (row.Seq != after.Seq || (row.Events is not null && after.Index >= events.Count))
            {
                IsAfterUnknown = true;
                return false;
            }

            for (; index >= after.Index; index--)
            {
                balance -= RevenueOf(events[index]);
            }
        }

        _isFirstRow = false;
        for (; index >= 0; index--)
        {
            var applied = events[index];
            var before = balance - RevenueOf(applied);
            if (Matches(row, applied))
            {
                if (_items.Count == _request.Limit)
                {
                    _next = _last;
                    return false;
                }

                _items.Add((new HistoryItem(TimeOf(applied), TypeOf(applied).Name, applied.Value, balance, null, applied.Offset), source));
                (_openingOfItems, _last) = (before, new HistoryCursor(row.Seq, index));
            }

            balance = before;
        }

        (_openingOfRows, _next) = (row.Balance - row.Revenue, new HistoryCursor(row.Seq, 0));
        return true;
    }

    /// <summary>Signals that there are no more rows.</summary>
    public void EndOfRows() => (_isEnd, IsAfterUnknown) = (true, _isFirstRow && _request.After is not null);

    /// <summary>Ends the page.</summary>
    /// <param name="revenue">The user's balance.</param>
    /// <param name="retainedFrom">See <see cref="HistoryPage"/>.</param>
    /// <param name="logs">The ids of <see cref="LogNumbers"/>.</param>
    /// <exception cref="LedgerException">One is missing, because another program wrote to the tables.</exception>
    public HistoryPage Build(string revenue, DateTime? retainedFrom, IReadOnlyDictionary<int, Guid> logs) => new(
        revenue, [.. _items.Select(item => item.Item with { SourceId = IdOf(item, logs) })],
        _openingOfItems ?? _openingOfRows ?? BigInteger.Parse(revenue, System.Globalization.CultureInfo.InvariantCulture), retainedFrom,
        _isEnd ? null : _next);

    private static Guid? IdOf((HistoryItem Item, int Source) item, IReadOnlyDictionary<int, Guid> logs) => item.Item.Time is null ? null
        : logs.TryGetValue(item.Source, out var id) ? id
        : throw new LedgerException($"event_history names the log {item.Source}, which history_source lacks: another program writes to these tables");

    private bool Matches(HistoryPageRow row, AppliedEvent applied)
    {
        var time = TimeOf(applied) ?? row.At;
        return !(time < _request.From) && !(time >= _request.To);
    }

    private static DateTime? TimeOf(AppliedEvent applied) =>
        applied.Time == AppliedEvent.NoTime ? null : DateTime.UnixEpoch.AddTicks(applied.Time * TimeSpan.TicksPerMillisecond);

    private static long ToMilliseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond;

    private HistoryType TypeOf(AppliedEvent applied) => _types.TryGetValue(applied.Type, out var type) ? type
        : throw new LedgerException($"event_history names the type {applied.Type}, which history_type lacks: another program writes to these tables");

    private BigInteger RevenueOf(AppliedEvent applied) => (Int128)applied.Value * TypeOf(applied).Sign;
}

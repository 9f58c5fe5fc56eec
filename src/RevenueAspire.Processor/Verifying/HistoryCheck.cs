using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Compares the history with logs and files, event by event, and with the balances (<c>verify</c>).</summary>
/// <remarks>
/// The events of all sources are read in the order of user ids, like the rows; events beyond the memory limit are on disk. The events of one user are in memory
/// at the same time. If retention has removed rows, an event without a row is not a finding. But the balances must still connect the oldest row to
/// users_revenue.
/// </remarks>
internal sealed class HistoryCheck(EventTypes types, ProcessorOptions options) : IDisposable
{
    /// <summary>Maximum number of findings to describe. All findings are counted.</summary>
    private const int Listed = 20;

    private readonly SourceEvents _events = new(types, options);
    private readonly (string Name, int Sign)[] _types = [.. types.Signs.Select(type => (type.Key, type.Value))];
    private readonly List<string> _findings = [];
    private long _differences;

    /// <summary>An event with its source, in a form that both sides share.</summary>
    private readonly record struct Entry(Guid Source, long Offset, long Time, string Name, int Sign, long Value) : IComparable<Entry>
    {
        public int CompareTo(Entry other) => Source.CompareTo(other.Source) is not 0 and var order ? order : Offset.CompareTo(other.Offset);
    }

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    /// <summary>Reads the events of all readable sources, and compares them with the history.</summary>
    /// <exception cref="IOException">The spool folder is full, or a disk failed.</exception>
    public async Task<HistoryResult> RunAsync(
        HistorySnapshot history, IReadOnlyList<VerifiedSource> sources, CancellationToken cancellationToken)
    {
        await Task.Run(() => _events.ReadAll(sources, cancellationToken), cancellationToken).ConfigureAwait(false);
        var expected = _events.Users();
        var hasExpected = expected.Read();
        var user = new UserRows();
        var rows = 0L;
        await foreach (var row in history.ReadUsersAsync(cancellationToken).ConfigureAwait(false))
        {
            if (user.IsStarted && !row.UserId.Span.SequenceEqual(user.UserId))
            {
                Compare(history, user, expected, ref hasExpected);
                user = new UserRows();
            }

            user.Add(row, history);
            rows += row.Row is null ? 0 : 1;
        }

        if (user.IsStarted)
        {
            Compare(history, user, expected, ref hasExpected);
        }

        return new HistoryResult(rows, _differences, _findings);
    }

    private void Compare(HistorySnapshot history, UserRows user, IDeltaReader expected, ref bool hasExpected)
    {
        // Users with events but without a row in users_revenue are reported with the balances.
        while (hasExpected && expected.UserId.SequenceCompareTo(user.UserId) < 0)
        {
            hasExpected = expected.Read();
        }

        var events = new List<Entry>();
        if (hasExpected && expected.UserId.SequenceEqual(user.UserId))
        {
            foreach (var (source, applied) in _events.Of(expected))
            {
                if (!history.Missing.Any(gap => gap.SourceId == source && gap.Contains(applied.Offset, user.UserId)))
                {
                    var (name, sign) = _types[applied.Type];
                    events.Add(new Entry(source, applied.Offset, applied.Time, name, sign, applied.Value));
                }
            }

            hasExpected = expected.Read();
        }

        foreach (var fault in user.Faults)
        {
            Report(user.UserId, fault);
        }

        CompareEvents(history, user, events);
    }

    private void CompareEvents(HistorySnapshot history, UserRows user, List<Entry> events)
    {
        events.Sort();
        user.Events.Sort();
        var (e, r) = (0, 0);
        while (e < events.Count || r < user.Events.Count)
        {
            var order = e == events.Count ? 1 : r == user.Events.Count ? -1 : events[e].CompareTo(user.Events[r]);
            if (order == 0)
            {
                if (events[e] != user.Events[r])
                {
                    Report(user.UserId, $"the history has {Text(user.Events[r])}, the source has {Text(events[e])}");
                }

                (e, r) = (e + 1, r + 1);
            }
            else if (order < 0)
            {
                if (history.State.RetainedFrom is null && !_events.Unread.Contains(events[e].Source))
                {
                    Report(user.UserId, $"the history lacks {Text(events[e])}");
                }

                e++;
            }
            else
            {
                if (!_events.Unread.Contains(user.Events[r].Source))
                {
                    Report(user.UserId, $"the history has {Text(user.Events[r])}, which is not in the source");
                }

                r++;
            }
        }
    }

    private void Report(byte[] userId, string finding)
    {
        if (_differences++ < Listed)
        {
            _findings.Add($"{JsonSerializer.Serialize(Encoding.UTF8.GetString(userId))}: {finding}");
        }
    }

    private static string Text(Entry entry)
    {
        var time = entry.Time == AppliedEvent.NoTime ? ""
            : DateTimeOffset.FromUnixTimeMilliseconds(entry.Time).ToString(", yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture,
            $"{entry.Name} {entry.Value} ({(entry.Sign < 0 ? '-' : '+')}) of source {entry.Source} at offset {entry.Offset}{time}");
    }

    /// <summary>The rows of one user.</summary>
    private sealed class UserRows
    {
        private readonly List<string> _faults = [];
        private BigInteger? _balance;
        private BigInteger? _revenue;

        public byte[] UserId { get; private set; } = [];

        public bool IsStarted => UserId.Length > 0;

        public List<Entry> Events { get; } = [];

        /// <summary>Faults within the rows.</summary>
        public IEnumerable<string> Faults => _balance is { } balance && balance != _revenue
            ? [.. _faults, string.Create(CultureInfo.InvariantCulture,
                $"the history ends with the balance {balance}, but users_revenue has {_revenue?.ToString(CultureInfo.InvariantCulture) ?? "no row"}")]
            : _faults;

        public void Add(in HistoryUserRow user, HistorySnapshot history)
        {
            if (!IsStarted)
            {
                (UserId, _revenue) = (user.UserId.ToArray(), user.Revenue);
            }

            if (user.Row is not { } row)
            {
                return;
            }

            if (_balance is { } before && before + row.Revenue != row.Balance)
            {
                Fault(row.Seq, $"the balance is {row.Balance} after adding {row.Revenue}, but was {before} before");
            }

            _balance = row.Balance;
            int number;
            List<AppliedEvent> events;
            try
            {
                (number, events) = HistoryCodec.Read(row.Events.Span, row.At);
            }
            catch (LedgerException exception)
            {
                Fault(row.Seq, $"{exception.Message}");
                return;
            }

            if (!history.Sources.TryGetValue(number, out var source))
            {
                Fault(row.Seq, $"there is no source number {number}");
                return;
            }

            var sum = BigInteger.Zero;
            foreach (var applied in events)
            {
                var (name, sign) = history.Types.GetValueOrDefault(applied.Type) ?? new HistoryType($"unknown name {applied.Type}", 0);
                sum += sign * (BigInteger)applied.Value;
                Events.Add(new Entry(source.SourceId, applied.Offset, applied.Time, name, sign, applied.Value));
            }

            if (sum != row.Revenue)
            {
                Fault(row.Seq, $"the row's events add up to {sum}, but its revenue is {row.Revenue}");
            }
        }

        private void Fault(long seq, FormattableString text) => _faults.Add($"row {seq}: {text.ToString(CultureInfo.InvariantCulture)}");
    }
}

/// <summary>The result of the comparison.</summary>
/// <param name="Rows">Number of compared rows.</param>
/// <param name="Differences">Number of findings.</param>
/// <param name="Findings">The first findings, one line each.</param>
internal sealed record HistoryResult(long Rows, long Differences, IReadOnlyList<string> Findings);

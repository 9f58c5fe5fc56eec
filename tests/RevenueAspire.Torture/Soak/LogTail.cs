using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Soak;

/// <summary>
/// Reads the log as it grows, without the product's code, and adds it up. The expected ledger stays known after retention removes segments.
/// Not thread-safe.
/// </summary>
internal sealed class LogTail(SoakStage stage)
{
    private readonly Dictionary<Guid, long> _positions = [];
    private readonly List<byte> _timesSeen = [];
    private long _position;

    /// <summary>Totals of all records so far.</summary>
    public Totals Totals { get; } = new();

    /// <summary>Number of records so far.</summary>
    public long Records { get; private set; }

    /// <summary>Number of records without an id: the events of <c>load</c>.</summary>
    public long LoadRecords { get; private set; }

    /// <summary>Reads the records that became durable since the last call.</summary>
    /// <exception cref="InvalidDataException">They are not a gapless sequence of records.</exception>
    public async Task ReadAsync()
    {
        foreach (var record in stage.Log is { } log ? LogFiles.Read(log, _position) : await LogTables.ReadAsync(stage.Postgres, _positions))
        {
            Totals.Add(record.Event);
            Records++;
            _position = record.End;
            if (record.Id is null)
            {
                LoadRecords++;
            }
            else
            {
                Note(record);
            }
        }
    }

    /// <summary>Compares the log with the acknowledged requests.</summary>
    public void Check(KeyedLoad keyed)
    {
        for (var number = 0; number < keyed.Sent; number++)
        {
            var seen = number < _timesSeen.Count ? _timesSeen[number] : 0;
            if (seen == 0 && keyed.IsAcknowledged(number))
            {
                stage.Violations.Add(ViolationKind.Lost, $"{KeyedLoad.Id(number)} was acknowledged, but is not in the log");
            }
            else if (seen > 1)
            {
                stage.Violations.Add(ViolationKind.Repeated, $"{KeyedLoad.Id(number)} is in the log {seen} times");
            }
        }

        if (_timesSeen.Count > keyed.Sent)
        {
            stage.Violations.Add(ViolationKind.Repeated, $"{KeyedLoad.Id(_timesSeen.Count - 1)} is in the log, but was never sent");
        }
    }

    private void Note(LogRecord record)
    {
        if (KeyedLoad.Number(record.Id) is not { } number || KeyedLoad.Event(number) != record.Event)
        {
            stage.Violations.Add(ViolationKind.Repeated, $"the record at {record.Receipt} was never sent: {record.Id} {record.Event}");
            return;
        }

        while (_timesSeen.Count <= number)
        {
            _timesSeen.Add(0);
        }

        _timesSeen[number]++;
    }
}

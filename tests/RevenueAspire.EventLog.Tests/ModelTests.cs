using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Random schedules of appends, repeats, power cuts, kills and disk errors on a simulated disk. After each crash the log must keep its
/// promises.</summary>
public sealed class ModelTests
{
    [Fact]
    public void L1_to_L10_power_cuts_and_kills_lose_no_acknowledged_group_and_double_no_keyed_one() =>
        RunSchedules(nameof(SimulatedDisk.CutPower), 800, faults: false);

    [Fact]
    public void L7_disk_errors_with_power_cuts_lose_no_acknowledged_group_and_double_no_keyed_one() =>
        RunSchedules(nameof(SimulatedDisk.Fails), 800, faults: true);

    private static void RunSchedules(string name, int count, bool faults)
    {
        var seeds = Seed.Random(name);
        for (var i = 0; i < count; i++)
        {
            var seed = seeds.Next();
            var schedule = new ModelSchedule(seed, faults);
            try
            {
                schedule.Run();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"schedule {i} (with seed {seed}), {Seed.Hint}\n{string.Join('\n', schedule.History.TakeLast(60))}", e);
            }
        }
    }
}

/// <summary>One schedule. Clients repeat unacknowledged requests, a reader counts all records like a ledger, retention removes applied bytes, and the machine
/// fails.</summary>
internal sealed class ModelSchedule
{
    private const string Folder = "/log";
    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly bool _faults;
    private readonly EventLogOptions _options;
    private readonly List<ModelGroup> _groups = [];
    private readonly List<(ModelGroup Group, ValueTask<AppendResult> Task)> _waiting = [];

    // Records that the reader has counted. They survive every crash, like a database on another machine.
    private readonly List<(long Offset, string User)> _ledger = [];
    private long _applied;
    private EventLogWriter? _writer;
    private int _events;

    public ModelSchedule(int seed, bool faults)
    {
        _random = new Random(seed);
        _disk = new SimulatedDisk(new Random(seed + 1));
        _faults = faults;
        _options = TestLog.Options(Folder, options =>
        {
            options.SegmentBytes = _random.Next(300, 6000);
            options.CommitBytes = _random.Next(200, 4000);
            options.ReserveFromGroups = _random.Next(1, 4);
            options.ReserveBytes = _random.Next(1, 3000);

            // In half of the schedules the log forgets keys while their clients still repeat them, and retention removes segments.
            options.KeyWindow = _random.Next(2) == 0 ? _random.Next(1, 12) : options.KeyWindow;
        });
    }

    public List<string> History { get; } = [];

    public void Run()
    {
        var steps = _random.Next(5, 40);
        for (var i = 0; i < steps; i++)
        {
            Act();
        }

        _disk.Fails = (_, _) => false;
        Crash();
        Reopen();
        RepeatUntilAcknowledged();
        Check();
        Crash();
        Reopen();
        Check();
    }

    private void Act()
    {
        if (_writer is null)
        {
            Reopen();
            return;
        }

        switch (_random.Next(10))
        {
            case < 5:
                Append(NewGroup());
                break;
            case 5:
                Repeat();
                break;
            case < 8:
                Step();
                break;
            case 8:
                ReadOn();
                Remove();
                break;
            case 9 when _random.Next(3) == 0:
                Crash();
                break;
            case 9 when _random.Next(3) == 0:
                MoveFolder();
                break;
            case 9 when _random.Next(2) == 0:
                // Cut the power at some step of the next actions, for example a commit, a roll, or a recovery.
                _disk.CutAt = _disk.Operations + _random.Next(1, 12);
                break;
        }
    }

    private ModelGroup NewGroup()
    {
        var users = new string[_random.Next(3) == 0 ? _random.Next(2, 30) : 1];
        for (var i = 0; i < users.Length; i++)
        {
            users[i] = "u" + _events++;
        }

        var group = new ModelGroup(users, _random.Next(2) == 0 ? "key\"\\" + _events : null, _random.Next(4) == 0 ? _random.Next(5) : 0);
        _groups.Add(group);
        return group;
    }

    private void Repeat()
    {
        if (_groups.Where(MayRepeat).ToArray() is { Length: > 0 } keyed)
        {
            Append(keyed[_random.Next(keyed.Length)]);
        }
    }

    /// <summary>Whether a careful client may repeat its request. Its record, if it exists, is not before the durable mark of the first attempt. The log must
    /// remember all keys from there on. While other keys are in flight, a repeat is not allowed, because they could push this key out of the window.</summary>
    private bool MayRepeat(ModelGroup group) =>
        group.Key is not null && _writer!.Files().KeysFrom <= (group.Receipt?.Offset ?? group.MarkAtFirstAttempt) && !_waiting.Any(
            waiting => waiting.Group.Key is not null && waiting.Group != group);

    /// <summary>Runs retention up to the applied offset, with no bytes to keep. The power may be cut midway.</summary>
    private void Remove()
    {
        if (_writer!.Status.State != WriterState.Running || _disk.Running!.IsDead || _random.Next(2) == 0)
        {
            return;
        }

        try
        {
            History.Add(
                $"retention: {_writer!.Files().Retention.RemoveApplied(_applied, retainBytes: 0, comparedBytes: 0)} bytes before "
                + $"{_writer!.Files().FirstOffset} of {_applied}");
        }
        catch (PowerCutException)
        {
            Crash();
        }
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "Each task is polled until it completes, and consumed once. With await, the "
        + "thread pool would determine the order of events.")]
    private void Append(ModelGroup group)
    {
        group.MarkAtFirstAttempt = Math.Min(group.MarkAtFirstAttempt, _writer!.DurableMark);
        _waiting.Add((group, _writer!.AppendAsync(TestLog.Group(group.Users, group.Key, group.Rejected), CancellationToken.None)));
    }

    private void Step()
    {
        _disk.Fails = _faults && _random.Next(3) == 0 ? (_, _) => _random.Next(6) == 0 : (_, _) => false;
        _writer!.Step();
        _disk.Fails = (_, _) => false;
        TakeResults();
        History.Add($"step: {_writer.Status.State} {_writer.DurableMark} {_writer.Status.Reason}");
        if (_disk.Running!.IsDead)
        {
            Crash();
        }
    }

    /// <summary>Moves the writer's folder to another path and back, with the same lock file or a new one. Meanwhile the writer must acknowledge
    /// nothing.</summary>
    private void MoveFolder()
    {
        if (_disk.Running!.IsDead)
        {
            return;
        }

        TakeResults();
        _disk.CutAt = int.MaxValue;
        var folder = _disk.Replace([]);
        var acknowledged = _groups.Where(group => group.Receipt is not null).ToHashSet();
        for (var i = _random.Next(3); i >= 0; i--)
        {
            Append(NewGroup());
            Step();
        }

        Assert.Equal(WriterState.Failed, _writer!.Status.State);
        Assert.All(_groups.Where(group => group.Receipt is not null), group => Assert.Contains(group, acknowledged));
        if (_random.Next(2) == 0)
        {
            folder.Remove(Path.Combine(Folder, "writer.lock"));
        }

        _disk.Replace(folder);
        History.Add("the folder was moved and is back");
    }

    private void TakeResults()
    {
        foreach (var (group, task) in _waiting.Where(waiting => waiting.Task.IsCompleted).ToArray())
        {
            _waiting.RemoveAll(waiting => waiting.Group == group && waiting.Task == task);
            var result = task.GetAwaiter().GetResult();
            if (result.Status is not (AppendStatus.Appended or AppendStatus.Repeated))
            {
                Assert.True(result.Status is AppendStatus.Unavailable or AppendStatus.InDoubt, $"{result.Status}");
                group.IsRefused |= result.Status == AppendStatus.Unavailable && group.Key is null;
                continue;
            }

            History.Add($"{result.Status} {group.Users[0]} {result.Receipt.Offset}");
            Assert.Equal((group.Users.Length, group.Rejected), (result.Accepted, result.RejectedCount));
            group.Receipt ??= result.Receipt;
            Assert.Equal(group.Receipt, result.Receipt);
        }
    }

    private void Crash()
    {
        var kill = _random.Next(2) == 0;
        History.Add(kill ? "kill" : "power cut");
        if (kill)
        {
            _disk.Kill();
        }
        else
        {
            _disk.CutPower();
        }

        _waiting.Clear();
        _writer = null;
    }

    private void Reopen()
    {
        _disk.Fails = (_, _) => false;
        var files = _disk.Start();
        if (_random.Next(4) == 0)
        {
            _disk.CutAt = _disk.Operations + _random.Next(1, 12);
        }

        _disk.Fails = _faults && _random.Next(3) == 0 ? (_, _) => _random.Next(8) == 0 : (_, _) => false;
        while (true)
        {
            try
            {
                _writer = TestLog.OpenHeld(_options, files);
                break;
            }
            catch (PowerCutException)
            {
                _disk.CutPower();
                files = _disk.Start();
            }
            catch (EventLogException e) when (e.InnerException is IOException)
            {
                History.Add("open failed: " + e.Message);
                _disk.Fails = (_, _) => false;
            }
        }

        _disk.Fails = (_, _) => false;
        var report = _writer!.Files().LastRecovery;
        History.Add(
            $"open: {report.Case}, mark {report.FoundMark} to {report.Mark}, kept {report.Kept}, dropped {report.Dropped}, damaged "
            + $"{string.Join(' ', report.Damaged)}");
        Assert.Empty(_writer!.Files().LastRecovery.Gaps);
        if (!_disk.Running!.IsDead)
        {
            Check();
        }
    }

    /// <summary>Clients with a key repeat until they get an answer, or until the log has forgotten the key.</summary>
    private void RepeatUntilAcknowledged()
    {
        while (_groups.FirstOrDefault(group => group.Receipt is null && MayRepeat(group)) is { } open)
        {
            Append(open);
            for (var i = 0; i < 50 && _waiting.Count > 0; i++)
            {
                _writer!.Step();
                TakeResults();
            }

            if (_disk.Running!.IsDead)
            {
                Crash();
                Reopen();
            }
        }
    }

    private void ReadOn()
    {
        if (_disk.Running!.IsDead)
        {
            return;
        }

        using var reader = EventLogReader.Open(Folder, _disk.Running);
        var mark = reader.ReadDurableMark();
        if (_writer!.Status.State == WriterState.Failed && mark == reader.FirstOffset)
        {
            // After a failed write, the mark is torn. Until recovery rewrites it, a new reader must read nothing.
            return;
        }

        Assert.True(_applied <= mark, $"the applied offset {_applied} is above the mark {mark}");
        var (from, bytes, length) = (_applied, new byte[mark - _applied], 0);
        var buffer = new byte[_random.Next(100, 5000)];
        while (_applied < mark)
        {
            var read = reader.Read(_applied, buffer);
            Assert.True(read.Count > 0 || read.DamagedThrough > _applied, $"stuck at {_applied} of {mark}");
            buffer.AsSpan(0, read.Count).CopyTo(bytes.AsSpan(length));
            length += read.Count;
            _applied += read.Count;
            if (read.Count == 0)
            {
                _ledger.AddRange(ModelGroup.PlacesIn(bytes.AsSpan(0, length), from));
                (from, length) = (_applied = read.DamagedThrough, 0);
            }
        }

        _ledger.AddRange(ModelGroup.PlacesIn(bytes.AsSpan(0, length), from));
    }

    private void Check()
    {
        ReadOn();
        using var reader = EventLogReader.Open(Folder, _disk.Running!);
        Assert.Equal(_writer!.DurableMark, reader.ReadDurableMark());
        var (text, _) = TestLog.ReadAll(reader);
        var first = reader.FirstOffset;

        // The invariant: the ledger equals a fold over the durable log. Only applied records may be missing from the log.
        Assert.Equal(_ledger.Where(place => place.Offset >= first).Select(place => place.User), ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(text)));
        Assert.True(first <= _applied, $"the log begins at {first}, above the applied offset {_applied}");
        var places = _ledger.Select((place, i) => (place.User, i)).ToDictionary(pair => pair.User, pair => pair.i);

        // Rule L9: all promised keys are known, regardless of retention.
        var keyed = _groups.Where(group => group.Key is not null && places.ContainsKey(group.Users[^1])).Select(
            group => _ledger[places[group.Users[^1]]].Offset);
        Assert.All(keyed.OrderDescending().Take(_options.KeyWindow), offset => Assert.True(offset >= _writer!.Files().KeysFrom,
            $"the key at {offset} is in the window, but keys are forgotten up to {_writer!.Files().KeysFrom}"));
        foreach (var group in _groups)
        {
            var found = group.Users.Where(places.ContainsKey).ToArray();
            Assert.True(found.Length == 0 || found.Length == group.Users.Length, $"half a batch: {found.Length} of {group.Users.Length} from {group.Users[0]}");
            Assert.False(found.Length > 0 && group.IsRefused, $"refused but in the log: {group.Users[0]}");
            Assert.True(found.Length > 0 || group.Receipt is null, $"acknowledged but not in the log: {group.Users[0]}");
            if (found.Length > 0)
            {
                Assert.Equal(Enumerable.Range(places[group.Users[0]], group.Users.Length), group.Users.Select(user => places[user]));
            }

            if (group.Receipt is { } receipt && receipt.Offset >= first)
            {
                Assert.True(reader.IsRecord(receipt.Offset));
            }
        }
    }
}

/// <summary>A request of the model's client.</summary>
internal sealed record ModelGroup(string[] Users, string? Key, int Rejected)
{
    /// <summary>Set on acknowledgement.</summary>
    public Receipt? Receipt { get; set; }

    /// <summary>The durable mark at the first attempt. The record, if it exists, is at this offset or after it.</summary>
    public long MarkAtFirstAttempt { get; set; } = long.MaxValue;

    /// <summary>Set if the answer to its only attempt was 'nothing was appended'.</summary>
    public bool IsRefused { get; set; }

    public bool Equals(ModelGroup? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Users[0].GetHashCode(StringComparison.Ordinal);

    /// <summary>The users of all records.</summary>
    public static List<string> UsersIn(ReadOnlySpan<byte> log) => [.. PlacesIn(log, 0).Select(place => place.User)];

    /// <summary>The users of all records, with the offsets of the records.</summary>
    /// <param name="log">Whole records.</param>
    /// <param name="offset">Offset of the first record.</param>
    public static List<(long Offset, string User)> PlacesIn(ReadOnlySpan<byte> log, long offset)
    {
        var users = new List<(long, string)>();
        while (log.IndexOf((byte)'\n') is >= 0 and var newline)
        {
            var json = new Utf8JsonReader(log[..newline]);
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("userId"u8))
                {
                    json.Read();
                    users.Add((offset, json.GetString()!));
                }
            }

            offset += newline + 1;
            log = log[(newline + 1)..];
        }

        Assert.True(log.IsEmpty, "the log ends in the middle of a line");
        return users;
    }
}

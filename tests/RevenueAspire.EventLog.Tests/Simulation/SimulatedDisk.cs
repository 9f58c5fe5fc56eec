using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Tests.Simulation;

internal enum DiskOperation
{
    Write,
    StartWriteOut,
    Flush,
    Truncate,
    Create,
    Rename,
    Delete,
    FlushDirectory,
}

/// <summary>Thrown by every call of a process whose machine lost power. It is not a disk error, so the log must not handle it.</summary>
internal sealed class PowerCutException : Exception;

/// <summary>A disk with one folder, which can fail on demand. After a power cut, it has the flushed data and random parts of the rest.</summary>
internal sealed class SimulatedDisk(Random random)
{
    private readonly List<Action<Dictionary<string, SimulatedFile>>> _pendingEntries = [];
    private readonly Dictionary<string, SimulatedFile> _onDisk = [];

    /// <summary>Number of modifying operations so far.</summary>
    public int Operations { get; private set; }

    /// <summary>Number of the operation during which the power is cut.</summary>
    public int CutAt { get; set; } = int.MaxValue;

    /// <summary>Decides whether an operation on a file fails.</summary>
    public Func<DiskOperation, string, bool> Fails { get; set; } = (_, _) => false;

    /// <summary>The folder as the operating system shows it.</summary>
    public Dictionary<string, SimulatedFile> Entries { get; private set; } = [];

    public Random Random { get; } = random;

    internal SimulatedProcess? Running { get; private set; }

    public bool IsAt(string path, SimulatedFile file) => Entries.GetValueOrDefault(path) == file;

    /// <summary>Moves the folder, and optionally puts another in its place.</summary>
    /// <returns>The previous entries.</returns>
    public Dictionary<string, SimulatedFile> Replace(Dictionary<string, SimulatedFile> entries)
    {
        var before = Entries;
        FlushEntries(losing: false);
        Entries = new(entries);
        _onDisk.Clear();
        foreach (var (path, file) in entries)
        {
            _onDisk[path] = file;
        }

        return before;
    }

    /// <summary>Starts a process on the machine. The previous one ends, and loses its locks.</summary>
    public IFileSystem Start()
    {
        Kill();
        CutAt = int.MaxValue;
        return Running = new SimulatedProcess(this);
    }

    /// <summary>kill -9: the data in the operating system's memory stays.</summary>
    public void Kill() => Running?.IsDead = true;

    /// <summary>Turns the power off and on.</summary>
    public void CutPower()
    {
        Kill();
        foreach (var entry in Surviving())
        {
            entry(_onDisk);
        }

        _pendingEntries.Clear();
        foreach (var file in _onDisk.Values.Concat(Entries.Values).Distinct())
        {
            file.CutPower(Random);
        }

        Entries = new(_onDisk);
    }

    /// <summary>Counts an operation. If the power is cut or the operation fails, only a part of it is done.</summary>
    public void Run(SimulatedProcess process, DiskOperation operation, string path, Action whole, Action? part = null)
    {
        process.Check();
        if (++Operations >= CutAt)
        {
            part?.Invoke();
            Kill();
            throw new PowerCutException();
        }

        if (Fails(operation, path))
        {
            part?.Invoke();
            throw new IOException($"simulated failure: {operation} {Path.GetFileName(path)}");
        }

        whole();
    }

    public void ChangeEntries(Action<Dictionary<string, SimulatedFile>> change)
    {
        change(Entries);
        _pendingEntries.Add(change);
    }

    public void FlushEntries(bool losing)
    {
        foreach (var entry in losing ? Surviving() : _pendingEntries)
        {
            entry(_onDisk);
        }

        _pendingEntries.Clear();
    }

    /// <summary>Selects the unflushed changes of the folder that survive: only the first ones, as on a disk with a journal, or any, as without one.</summary>
    private List<Action<Dictionary<string, SimulatedFile>>> Surviving() => Random.Next(2) == 0
        ? _pendingEntries.GetRange(0, Random.Next(_pendingEntries.Count + 1))
        : _pendingEntries.FindAll(_ => Random.Next(2) == 0);
}

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

/// <summary>Thrown by every call of a process whose machine lost power. No disk error: the log must not handle it.</summary>
internal sealed class PowerCutException : Exception;

/// <summary>A disk with one folder that keeps only what was flushed, plus random parts of the rest, and fails on demand.</summary>
internal sealed class SimulatedDisk(Random random)
{
    private readonly List<Action<Dictionary<string, SimulatedFile>>> _pendingEntries = [];
    private readonly Dictionary<string, SimulatedFile> _onDisk = [];

    /// <summary>Operations so far that change something.</summary>
    public int Operations { get; private set; }

    /// <summary>Power goes in the middle of this operation.</summary>
    public int CutAt { get; set; } = int.MaxValue;

    /// <summary>Whether an operation on a file fails.</summary>
    public Func<DiskOperation, string, bool> Fails { get; set; } = (_, _) => false;

    /// <summary>The folder as the operating system shows it.</summary>
    public Dictionary<string, SimulatedFile> Entries { get; private set; } = [];

    public Random Random { get; } = random;

    internal SimulatedProcess? Running { get; private set; }

    public bool IsAt(string path, SimulatedFile file) => Entries.GetValueOrDefault(path) == file;

    /// <summary>Somebody moves the folder away, and perhaps puts another in its place.</summary>
    /// <returns>What was there.</returns>
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

    /// <summary>Starts a process on the machine; the one before is gone, and its locks with it.</summary>
    public IFileSystem Start()
    {
        Kill();
        CutAt = int.MaxValue;
        return Running = new SimulatedProcess(this);
    }

    /// <summary>kill -9: what the operating system holds in memory stays.</summary>
    public void Kill() => Running?.IsDead = true;

    /// <summary>Power off and on.</summary>
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

    /// <summary>Counts an operation; cuts the power or fails as asked, after doing a part of it.</summary>
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

    /// <summary>Changes of the folder that were not flushed: the first of them, as a journal keeps them, or any, as a file system without one does.</summary>
    private List<Action<Dictionary<string, SimulatedFile>>> Surviving() => Random.Next(2) == 0
        ? _pendingEntries.GetRange(0, Random.Next(_pendingEntries.Count + 1))
        : _pendingEntries.FindAll(_ => Random.Next(2) == 0);
}

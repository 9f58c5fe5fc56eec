namespace RevenueAspire.EventLog.Tests.Simulation;

/// <summary>A file as the operating system shows it (cache), and as it is on disk. Unflushed sectors may reach the disk or not, in any order.</summary>
internal sealed class SimulatedFile
{
    public const int Sector = 512;
    private readonly SortedDictionary<int, List<byte[]>> _dirty = [];
    private readonly List<int> _lengths = [];
    private byte[] _cache = [];
    private byte[] _disk = [];
    private int _diskLength;

    public int Length { get; private set; }

    public int Read(Span<byte> destination, long offset)
    {
        var count = (int)Math.Clamp(Length - offset, 0, destination.Length);
        _cache.AsSpan((int)Math.Min(offset, Length), count).CopyTo(destination);
        return count;
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        var end = (int)offset + bytes.Length;
        Grow(ref _cache, end);
        bytes.CopyTo(_cache.AsSpan((int)offset));
        if (end >= Length)
        {
            Length = end;
            _lengths.Add(end);
        }

        Touch((int)offset, end);
    }

    public void Truncate(long length)
    {
        var before = Length;
        Grow(ref _cache, (int)length);
        _cache.AsSpan((int)length).Clear();
        Length = (int)length;
        _lengths.Add(Length);
        Touch(Length, Math.Max(before, Length));
    }

    public void Flush()
    {
        foreach (var (sector, versions) in _dirty)
        {
            ToDisk(sector, versions[^1]);
        }

        if (_lengths.Count > 0)
        {
            _diskLength = _lengths[^1];
        }

        _dirty.Clear();
        _lengths.Clear();
    }

    /// <summary>A failed flush: some sectors reach the disk, but the operating system marks all as clean, so that the next flush does not write them
    /// again.</summary>
    public void FlushLosing(Random random)
    {
        foreach (var (sector, versions) in _dirty)
        {
            var chosen = random.Next(versions.Count + 1);
            if (chosen > 0)
            {
                ToDisk(sector, versions[chosen - 1]);
            }
        }

        if (_lengths.Count > 0 && random.Next(2) == 0)
        {
            _diskLength = _lengths[random.Next(_lengths.Count)];
        }

        _dirty.Clear();
        _lengths.Clear();
    }

    /// <summary>A power cut: only the data on disk remains.</summary>
    public void CutPower(Random random)
    {
        FlushLosing(random);
        Grow(ref _disk, _diskLength);
        _disk.AsSpan(_diskLength).Clear();
        _cache = [.. _disk];
        Length = _diskLength;
    }

    private static void Grow(ref byte[] bytes, int length)
    {
        if (bytes.Length < length)
        {
            Array.Resize(ref bytes, Math.Max(2 * bytes.Length, (length + Sector - 1) / Sector * Sector));
        }
    }

    private void Touch(int from, int to)
    {
        for (var sector = from / Sector; sector * Sector < to; sector++)
        {
            var version = new byte[Sector];
            var at = sector * Sector;
            _cache.AsSpan(at, Math.Min(Sector, _cache.Length - at)).CopyTo(version);
            if (!_dirty.TryGetValue(sector, out var versions))
            {
                _dirty[sector] = versions = [];
            }

            versions.Add(version);
        }
    }

    private void ToDisk(int sector, byte[] version)
    {
        Grow(ref _disk, (sector + 1) * Sector);
        version.CopyTo(_disk.AsSpan(sector * Sector));
    }
}

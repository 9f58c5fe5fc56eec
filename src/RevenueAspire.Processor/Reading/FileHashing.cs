using System.Security.Cryptography;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Hashes a file (rule M10) while the database is still being queried for the lengths with known digests. Thread-safe.</summary>
/// <remarks>Lengths that arrive in time are handled in the one pass over the file. Only the few lengths that the pass has already passed need a second
/// read.</remarks>
internal sealed class FileHashing
{
    private const int WindowBytes = 16 * FileBlocks.BlockBytes;
    private readonly Lock _lock = new();
    private readonly SortedSet<long> _wanted = [];
    private readonly Dictionary<long, FileDigest> _taken = [];
    private readonly ISourceReader _file;
    private readonly long _length;
    private readonly CancellationToken _cancellationToken;
    private readonly Task _hashing;
    private long _planned;
    private long _hashed;

    /// <summary>Starts at once, on a pool thread.</summary>
    /// <param name="file">Must stay open until the task of <see cref="DigestsAsync"/> has ended.</param>
    /// <param name="length">Bytes to hash, at least 1.</param>
    /// <param name="cancellationToken">Checked per window of 4 MB.</param>
    public FileHashing(ISourceReader file, long length, CancellationToken cancellationToken)
    {
        (_file, _length, _cancellationToken) = (file, length, cancellationToken);
        _wanted.Add(length);
        Blocks = new FileBlocks(length);
        _hashing = Task.Run(Hash, CancellationToken.None);
    }

    /// <summary>Bytes hashed so far.</summary>
    public long Hashed => Volatile.Read(ref _hashed);

    /// <summary>The checksum of each block of the file; complete after <see cref="DigestsAsync"/>.</summary>
    public FileBlocks Blocks { get; }

    /// <summary>Returns the digests of the file's prefixes of these lengths, and of the whole file, which is last.</summary>
    /// <param name="lengths">Lengths in bytes; those above the file's length are ignored.</param>
    public async Task<IReadOnlyList<FileDigest>> DigestsAsync(IEnumerable<long> lengths)
    {
        var asked = lengths.Append(_length).Where(length => length > 0 && length <= _length).Distinct().Order().ToArray();
        lock (_lock)
        {
            _wanted.UnionWith(asked.Where(length => length >= _planned));
        }

        await _hashing.ConfigureAwait(false);
        var passed = asked.Where(length => !_taken.ContainsKey(length)).ToArray();
        if (passed.Length > 0)
        {
            var digests = await Task.Run(() => FileDigests.Compute(_file, passed, _cancellationToken), _cancellationToken).ConfigureAwait(false);
            foreach (var digest in digests)
            {
                _taken[digest.Length] = digest;
            }
        }

        return [.. asked.Select(length => _taken[length])];
    }

    /// <summary>Completes when hashing no longer reads the file, whether it succeeded or failed.</summary>
    public Task EndedAsync() => _hashing.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private void Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[][] windows = [NewWindow(), NewWindow()];
        var reading = ReadAsync(0, windows[0]);
        try
        {
            Hash(hash, windows, ref reading);
        }
        finally
        {
            // Wait for the read, because the file may be closed after this.
            ((Task)reading).ContinueWith(static _ => { }, TaskScheduler.Default).Wait(CancellationToken.None);
        }
    }

    private void Hash(IncrementalHash hash, byte[][] windows, ref Task reading)
    {
        for (long at = 0, number = 0; at < _length; number++)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            var window = windows[number % 2];
            reading.GetAwaiter().GetResult();
            var (start, end) = (at, Math.Min(at + WindowBytes, _length));
            reading = end < _length ? ReadAsync(end, windows[(number + 1) % 2]) : Task.CompletedTask;
            while (at < end)
            {
                long next;
                lock (_lock)
                {
                    // From here on, lengths below this end are too late for this pass. The end itself is not.
                    next = Math.Min(end, _wanted.GetViewBetween(at + 1, _length).Min);
                    _planned = next;
                }

                hash.AppendData(window, (int)(at - start), (int)(next - at));
                at = next;
                Volatile.Write(ref _hashed, at);
                lock (_lock)
                {
                    if (_wanted.Contains(at))
                    {
                        _taken[at] = new FileDigest(at, hash.GetCurrentHash());
                    }
                }
            }
        }

        lock (_lock)
        {
            _planned = long.MaxValue;
        }
    }

    private byte[] NewWindow() => GC.AllocateUninitializedArray<byte>((int)Math.Min(WindowBytes, _length));

    /// <summary>Reads a window and computes its checksums, while another core hashes the previous window.</summary>
    private Task ReadAsync(long start, byte[] window) => Task.Run(
        () =>
        {
            var bytes = window.AsSpan(0, (int)Math.Min(WindowBytes, _length - start));
            for (var filled = 0; filled < bytes.Length;)
            {
                filled += _file.Read(start + filled, bytes[filled..]).Count;
            }

            Blocks.Set(start, bytes);
        },
        CancellationToken.None);
}

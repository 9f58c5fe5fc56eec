using System.Security.Cryptography;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Hashes a file from its beginning (rule M10) while the database is still being asked at which lengths digests are known. Thread-safe.</summary>
/// <remarks>One pass over the file: a length that becomes known in time is taken on the way, and only the few that were passed already cost a second look at
/// what lies before them.</remarks>
internal sealed class FileHashing
{
    private const int WindowBytes = 1 << 20;
    private readonly Lock _lock = new();
    private readonly SortedSet<long> _wanted = [];
    private readonly Dictionary<long, FileDigest> _taken = [];
    private readonly ISourceReader _file;
    private readonly long _length;
    private readonly CancellationToken _cancellationToken;
    private readonly Task _hashing;
    private long _planned;
    private long _hashed;

    /// <summary>Begins at once, on a thread of the pool.</summary>
    /// <param name="file">To be kept open until the task of <see cref="DigestsAsync"/> has ended.</param>
    /// <param name="length">Bytes to hash, at least 1.</param>
    /// <param name="cancellationToken">Checked once a megabyte.</param>
    public FileHashing(ISourceReader file, long length, CancellationToken cancellationToken)
    {
        (_file, _length, _cancellationToken) = (file, length, cancellationToken);
        _wanted.Add(length);
        _hashing = Task.Run(Hash, CancellationToken.None);
    }

    /// <summary>Bytes hashed so far.</summary>
    public long Hashed => Volatile.Read(ref _hashed);

    /// <summary>The digests of the file's beginnings of these lengths, and of the whole, which comes last.</summary>
    /// <param name="lengths">Bytes; those above the file's length are left out.</param>
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

    /// <summary>Completes when nothing reads the file any more, whatever became of the hashing.</summary>
    public Task EndedAsync() => _hashing.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private void Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var window = GC.AllocateUninitializedArray<byte>(WindowBytes);
        for (long at = 0; at < _length;)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            long next;
            lock (_lock)
            {
                // Lengths before this end are passed from here on, the end itself is not.
                next = Math.Min(at + WindowBytes, _wanted.GetViewBetween(at + 1, _length).Min);
                _planned = next;
            }

            while (at < next)
            {
                var read = _file.Read(at, window.AsSpan(0, (int)(next - at)));
                hash.AppendData(window, 0, read.Count);
                at += read.Count;
            }

            Volatile.Write(ref _hashed, at);
            lock (_lock)
            {
                if (_wanted.Contains(at))
                {
                    _taken[at] = new FileDigest(at, hash.GetCurrentHash());
                }
            }
        }

        lock (_lock)
        {
            _planned = long.MaxValue;
        }
    }
}

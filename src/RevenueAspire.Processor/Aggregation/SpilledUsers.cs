using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range that exceeded the memory limit: sorted runs on disk, merged while they are read.</summary>
/// <remarks>A user has a record in each run that contains its events. So the number of records is an upper bound for the number of users.</remarks>
internal sealed class SpilledUsers(IReadOnlyList<SortedRun> runs) : IRangeUsers
{
    /// <inheritdoc/>
    public long Count { get; } = runs.Sum(run => run.Users);

    /// <inheritdoc/>
    public bool IsCounted => false;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Split(int parts)
    {
        // Marks are evenly spaced in a run, so slices with equally many marks have similar sizes.
        var keys = runs.SelectMany(run => run.Marks.Select(mark => mark.UserId)).ToArray();
        Array.Sort(keys, static (left, right) => left.AsSpan().SequenceCompareTo(right));
        var ends = Enumerable.Range(1, parts - 1).Select(part => keys[(int)((long)part * keys.Length / parts)])
            .Append(runs.Select(run => run.Last).MaxBy(key => key, Comparer<byte[]>.Create(static (left, right) => left.AsSpan().SequenceCompareTo(right)))!);
        List<byte[]> slices = [];
        foreach (var end in ends)
        {
            if (slices.Count == 0 || end.AsSpan().SequenceCompareTo(slices[^1]) > 0)
            {
                slices.Add(end);
            }
        }

        return slices;
    }

    /// <inheritdoc/>
    public bool Contains(ReadOnlySpan<byte> userId)
    {
        foreach (var run in runs)
        {
            var reader = new RunReader(run, run.Seek(userId));
            while (reader.Read() && reader.UserId.SequenceCompareTo(userId) is <= 0 and var order)
            {
                if (order == 0)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public IDeltaReader ReadAfter(ReadOnlySpan<byte> key) => new RunMerge(runs, key);

    /// <summary>Counts the users, on several cores.</summary>
    public long CountUsers(int workers)
    {
        var ends = Split(workers);
        var users = 0L;
        WorkerThreads.Run(ends.Count, slice =>
        {
            var count = 0L;
            for (var reader = ReadAfter(slice == 0 ? [] : ends[slice - 1]); reader.Read() && reader.UserId.SequenceCompareTo(ends[slice]) <= 0;)
            {
                count++;
            }

            Interlocked.Add(ref users, count);
        });
        return users;
    }
}

using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>The applied events of all sources, user by user. Not thread-safe.</summary>
/// <remarks>The events of each source are sorted and written to disk, so memory is bounded. Only the events of one user are in memory at the same
/// time.</remarks>
internal sealed class SourceEvents(EventTypes types, ProcessorOptions options) : IDisposable
{
    private readonly RangeAggregator _events = new(types, options, options.WorkerCount, keepsEvents: true) { KeepsRejects = false };
    private readonly List<Stretch> _stretches = [];
    private readonly HashSet<Guid> _unread = [];

    /// <summary>Bytes of a source that were read together.</summary>
    /// <param name="Generations">The sources that have applied these bytes.</param>
    /// <param name="Range">Set for a partly merged range: only users up to each part's watermark are applied.</param>
    private sealed record Stretch(IReadOnlyList<Guid> Generations, EventRange? Range);

    /// <summary>Sources with bytes that could not be read.</summary>
    public IReadOnlySet<Guid> Unread => _unread;

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    /// <summary>Reads all sources. Adds unreadable ones to <see cref="Unread"/>.</summary>
    /// <exception cref="IOException">The spool folder is full, or failed.</exception>
    public void ReadAll(IReadOnlyList<VerifiedSource> sources, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            var generations = source.Generations.Select(generation => generation.Id).ToArray();
            try
            {
                if (source.Refusal is not null)
                {
                    throw new UserErrorException(source.Refusal);
                }

                using var reader = source.Open(options.MaxLineBytes);
                var isWhole = Read(reader, generations, null, source.Source.AppliedThrough, cancellationToken);
                foreach (var range in source.Ranges)
                {
                    isWhole &= Read(reader, [range.SourceId], range, range.Frozen!.End, cancellationToken);
                }

                if (!isWhole || reader.FirstOffset > 0)
                {
                    _unread.UnionWith(generations);
                }
            }
            catch (Exception exception) when (VerifiedSource.IsOfSource(exception))
            {
                source.Refuse(exception.Message);
                _unread.UnionWith(generations);
            }
        }
    }

    /// <summary>Reads the users in byte order of their ids, for <see cref="Of"/>.</summary>
    public IDeltaReader Users() => _events.Sort().ReadAfter([]);

    /// <summary>Returns the applied events of the reader's current user, each with its source.</summary>
    public IEnumerable<(Guid Source, AppliedEvent Applied)> Of(IDeltaReader user)
    {
        while (user.ReadEvent(out var applied))
        {
            var stretch = _stretches[applied.Source];
            if (stretch.Range is { } range && !range.Frozen!.IsMerged(user.UserId))
            {
                continue;
            }

            foreach (var source in stretch.Generations)
            {
                yield return (source, applied);
            }
        }
    }

    /// <summary>Reads a stretch. Returns false if damage or an unknown event name excluded events.</summary>
    private bool Read(ISourceReader reader, IReadOnlyList<Guid> generations, EventRange? range, long through, CancellationToken cancellationToken)
    {
        var from = range?.From ?? reader.FirstOffset;
        if (from >= through)
        {
            return true;
        }

        _events.SourceNumber = _stretches.Count;
        _stretches.Add(new Stretch(generations, range));
        var aggregated = _events.Aggregate(reader, from, through, limited: false, hashed: false, cancellationToken);
        _events.Spill();
        return aggregated.UnknownNameAt is null && aggregated.Damage.Count == 0;
    }
}

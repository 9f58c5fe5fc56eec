using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source that has something in the ledger, with the generations that have applied the same bytes of it.</summary>
/// <param name="Source">The source; one of them, when generations were put together.</param>
/// <param name="Times">How many generations have applied these bytes.</param>
/// <param name="Ranges">Ranges that are merged in part.</param>
internal sealed record VerifiedSource(EventSource Source, int Times, IReadOnlyList<EventRange> Ranges)
{
    /// <summary>Lists what a snapshot says is applied, wholly or in part.</summary>
    public static List<VerifiedSource> List(LedgerSnapshot snapshot)
    {
        var ranges = snapshot.FrozenRanges.ToLookup(range => range.SourceId);
        return [.. snapshot.Sources
            .Where(source => source.AppliedThrough > 0 || ranges.Contains(source.Id))
            .GroupBy(source => (source.Kind, source.Name, source.AppliedThrough, Tail: Convert.ToHexString(source.TailHash.Span)))
            .Select(generations => new VerifiedSource(generations.First(), generations.Count(), [.. generations.SelectMany(generation => ranges[generation.Id])]))];
    }

    /// <summary>Opens the source for a pass over it. Only one is open at a time, however many there are.</summary>
    /// <exception cref="UserErrorException">It is gone, or is no longer what was applied.</exception>
    public ISourceReader Open(int maxLineBytes)
    {
        ISourceReader? reader = null;
        try
        {
            reader = Source.Kind == SourceKind.File ? FileSourceReader.Open(Source.Name, maxLineBytes) : OpenLog();
            if (reader.FirstOffset > 0)
            {
                throw new UserErrorException($"{Source.Name}: its beginning, up to offset {reader.FirstOffset}, is no longer retained");
            }

            SourceCheck.Verify(reader, Source);
            if (Ranges.Any(range => range.To > reader.ReadEnd()))
            {
                throw new UserErrorException($"{Source.Name}: is shorter than what is being merged from it");
            }

            return reader;
        }
        catch (Exception exception)
        {
            reader?.Dispose();
            if (exception is UserErrorException or SourceStoppedException or EventLog.EventLogException)
            {
                throw new UserErrorException("Could not check. " + exception.Message, exception);
            }

            throw;
        }
    }

    private LogSourceReader OpenLog()
    {
        var log = LogSourceReader.Open(Source.Name);
        if (log.LogId == Source.Id)
        {
            return log;
        }

        log.Dispose();
        throw new UserErrorException($"{Source.Name}: now holds another log than the one that was applied");
    }
}

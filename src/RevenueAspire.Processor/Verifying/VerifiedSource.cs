using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source that has something in the ledger, opened for reading, with the generations that have applied the same bytes of it.</summary>
/// <param name="Reader">Its bytes.</param>
/// <param name="Through">Bytes before this offset are applied.</param>
/// <param name="Times">How many generations have applied them.</param>
/// <param name="Ranges">Ranges that are merged in part.</param>
internal sealed record VerifiedSource(ISourceReader Reader, long Through, int Times, IReadOnlyList<EventRange> Ranges) : IDisposable
{
    /// <summary>Opens the sources of a snapshot.</summary>
    /// <exception cref="UserErrorException">A source is gone, or is no longer what was applied.</exception>
    public static List<VerifiedSource> OpenAll(LedgerSnapshot snapshot, int maxLineBytes)
    {
        var ranges = snapshot.FrozenRanges.ToLookup(range => range.SourceId);
        var opened = new List<VerifiedSource>();
        try
        {
            var used = snapshot.Sources.Where(source => source.AppliedThrough > 0 || ranges.Contains(source.Id));
            foreach (var generations in used.GroupBy(source => (source.Kind, source.Name, source.AppliedThrough, Tail: Convert.ToHexString(source.TailHash.Span))))
            {
                var source = generations.First();
                var frozen = generations.SelectMany(generation => ranges[generation.Id]).ToArray();
                opened.Add(new VerifiedSource(Open(source, frozen, maxLineBytes), source.AppliedThrough, generations.Count(), frozen));
            }

            return opened;
        }
        catch
        {
            opened.ForEach(source => source.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Reader.Dispose();

    private static ISourceReader Open(EventSource source, EventRange[] frozen, int maxLineBytes)
    {
        ISourceReader? reader = null;
        try
        {
            if (source.Kind == SourceKind.File)
            {
                reader = FileSourceReader.Open(source.Name, maxLineBytes);
            }
            else
            {
                var log = LogSourceReader.Open(source.Name);
                reader = log;
                if (log.LogId != source.Id)
                {
                    throw new UserErrorException($"{source.Name}: now holds another log than the one that was applied");
                }
            }

            if (reader.FirstOffset > 0)
            {
                throw new UserErrorException($"{source.Name}: its beginning, up to offset {reader.FirstOffset}, is no longer retained");
            }

            SourceCheck.Verify(reader, source);
            if (frozen.Any(range => range.To > reader.ReadEnd()))
            {
                throw new UserErrorException($"{source.Name}: is shorter than what is being merged from it");
            }

            return reader;
        }
        catch (Exception exception)
        {
            reader?.Dispose();
            throw exception is UserErrorException or SourceStoppedException or EventLog.EventLogException
                ? new UserErrorException("Could not check. " + exception.Message, exception)
                : exception;
        }
    }
}

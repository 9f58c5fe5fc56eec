using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source that has something in the ledger, with the generations that have applied the same bytes of it.</summary>
/// <param name="Source">The source; one of them, when generations were put together.</param>
/// <param name="Times">How many generations have applied these bytes.</param>
/// <param name="Ranges">Ranges that are merged in part.</param>
/// <param name="Digest">File only: what its content is known by; else null.</param>
internal sealed record VerifiedSource(EventSource Source, int Times, IReadOnlyList<EventRange> Ranges, FileDigest? Digest)
{
    private bool _isRecognised;

    /// <summary>Lists what a snapshot says is applied, wholly or in part.</summary>
    public static List<VerifiedSource> List(LedgerSnapshot snapshot)
    {
        var ranges = snapshot.FrozenRanges.ToLookup(range => range.SourceId);
        return [.. snapshot.Sources
            .Where(source => source.AppliedThrough > 0 || ranges.Contains(source.Id))
            .GroupBy(source => (source.Kind, source.Name, source.AppliedThrough, source.Length, Tail: Convert.ToHexString(source.TailHash.Span)))
            .Select(generations => new VerifiedSource(generations.First(), generations.Count(), [.. generations.SelectMany(generation => ranges[generation.Id])],
                snapshot.Digests.TryGetValue(generations.First().Id, out var digest) ? digest : null))];
    }

    /// <summary>Opens the source for a pass over it. Only one is open at a time, however many there are.</summary>
    /// <param name="maxLineBytes">Bytes of the longest line that counts.</param>
    /// <param name="cancellationToken">Stops the hashing of a file, which happens once.</param>
    /// <exception cref="UserErrorException">It is gone, or is no longer what was applied.</exception>
    public ISourceReader Open(int maxLineBytes, CancellationToken cancellationToken)
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

            Recognise(reader, cancellationToken);
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

    /// <summary>A file must be, byte by byte, what was counted: else a difference would be blamed on the table.</summary>
    private void Recognise(ISourceReader reader, CancellationToken cancellationToken)
    {
        if (_isRecognised || Digest is not { } digest)
        {
            return;
        }

        if (reader.ReadEnd() < digest.Length || !FileDigests.Compute(reader, [digest.Length], _ => { }, cancellationToken)[0].Sha256.Span.SequenceEqual(digest.Sha256.Span))
        {
            throw new UserErrorException($"{Source.Name}: is no longer the file that was counted: its first {digest.Length} bytes have changed. Put the original back");
        }

        _isRecognised = true;
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

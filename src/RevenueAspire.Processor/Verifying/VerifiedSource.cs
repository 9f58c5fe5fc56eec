using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A source that has something in the ledger, with the generations that have applied the same bytes of it.</summary>
/// <param name="Generations">The source; more than one where generations were put together.</param>
/// <param name="Ranges">Ranges that are merged in part.</param>
/// <param name="Digests">File: what its content is known by, ascending by length.</param>
/// <param name="OpenInDatabase">Opens a log that is kept in the database, as of the snapshot.</param>
internal sealed record VerifiedSource(IReadOnlyList<EventSource> Generations, IReadOnlyList<EventRange> Ranges, IReadOnlyList<FileDigest> Digests, Func<Guid, IStoredLog> OpenInDatabase)
{
    /// <summary>Any of the generations: what tells them apart does not matter to who reads the bytes.</summary>
    public EventSource Source => Generations[0];

    /// <summary>How many generations have applied these bytes.</summary>
    public int Times => Generations.Count;

    /// <summary>Lists what a snapshot says is applied, wholly or in part.</summary>
    public static List<VerifiedSource> List(LedgerSnapshot snapshot, Func<Guid, IStoredLog> openInDatabase)
    {
        var ranges = snapshot.FrozenRanges.ToLookup(range => range.SourceId);
        return [.. snapshot.Sources
            .Where(source => source.AppliedThrough > 0 || ranges.Contains(source.Id))
            .GroupBy(source => (source.ContentId, source.AppliedThrough, Tail: Convert.ToHexString(source.TailHash.Span), Types: Convert.ToHexString(source.TypesHash.Span)))
            .Select(generations => new VerifiedSource(
                [.. generations], [.. generations.SelectMany(generation => ranges[generation.Id])], [.. snapshot.Digests[generations.Key.ContentId]], openInDatabase))];
    }

    /// <summary>Opens the source for a pass over it. Only one is open at a time, however many there are.</summary>
    /// <exception cref="UserErrorException">It is gone, or is no longer what was applied.</exception>
    public ISourceReader Open(int maxLineBytes)
    {
        ISourceReader? reader = null;
        try
        {
            reader = Source.Kind == SourceKind.File ? OpenFile(maxLineBytes) : OpenLog();
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
            if (exception is UserErrorException or SpoolException or SourceStoppedException or EventLog.EventLogException)
            {
                throw new UserErrorException("Could not check. " + exception.Message, exception);
            }

            throw;
        }
    }

    /// <summary>Compares the whole of a file with what it is known by, and the settings with those that it was counted with: else what differs would look like a wrong ledger.</summary>
    /// <exception cref="UserErrorException">They are not the same: it cannot be checked.</exception>
    public SourceContent CheckContent(int maxLineBytes, EventTypes types, CancellationToken cancellationToken)
    {
        using var reader = Open(maxLineBytes);
        var fingerprint = FoldFingerprint.Compute(types, reader);
        bool IsOther(ReadOnlyMemory<byte> hash) => hash.Length > 0 && !hash.Span.SequenceEqual(fingerprint.Span);
        if (Ranges.Any(range => IsOther(range.Frozen!.TypesHash)) || (Source.Kind == SourceKind.File && IsOther(Source.TypesHash)))
        {
            throw new UserErrorException(
                $"Could not check. {Source.Name}: was counted with other EventTypes, another Processor:MaxLineBytes or another version: give verify the settings that it was counted with");
        }

        if (Source.Kind == SourceKind.File)
        {
            // A later length than what is applied, too, where the file has it: it is the same content.
            var known = Digests.Where(digest => digest.Length <= reader.ReadEnd()).ToArray();
            var found = FileDigests.Compute(reader, known.Select(digest => digest.Length), _ => { }, cancellationToken);
            if (known.Zip(found).Any(pair => !pair.First.Sha256.Span.SequenceEqual(pair.Second.Sha256.Span)))
            {
                throw new UserErrorException($"Could not check. {Source.Name}: is no longer the file that was counted: its bytes have changed. Put the original back");
            }
        }

        // Types that were added to a log's do not change what came before them, so for a log another fingerprint explains differences, and makes none.
        return new SourceContent(reader.FirstOffset, HasOtherTypes: IsOther(Source.TypesHash));
    }

    /// <summary>With its known lengths as ends of lines, as it was counted. One that counted less than another generation ends where it ended.</summary>
    private FileSourceReader OpenFile(int maxLineBytes)
    {
        if (Source.Name == SourceRegistry.Nameless)
        {
            throw new UserErrorException(
                $"A file of {Source.Length} bytes was counted from standard input, and not kept: process the same content once more from a file (it is not counted again), so that verify finds it there");
        }

        var file = FileSourceReader.Open(Source.Name, maxLineBytes);
        if (file.IsGzip)
        {
            // No thread of the pool waits here: verify folds on one of its own.
            file.Dispose();
            file = SpooledSource.InflateAsync(Source.Name, maxLineBytes, CancellationToken.None).GetAwaiter().GetResult();
        }

        return file.WithLineEnds([.. Digests.Select(digest => digest.Length)]);
    }

    private LogSourceReader OpenLog()
    {
        var log = DatabaseLog.TryParseName(Source.Name, out var logId) ? new LogSourceReader(OpenInDatabase(logId)) : LogSourceReader.Open(Source.Name);
        if (log.LogId == Source.Id)
        {
            return log;
        }

        log.Dispose();
        throw new UserErrorException($"{Source.Name}: now holds another log than the one that was applied");
    }
}

/// <summary>What verify finds when it first looks at a source.</summary>
/// <param name="FirstOffset">Where what is retained of it begins; 0 for all of it.</param>
/// <param name="HasOtherTypes">Log: some of it was counted with other event types than verify has.</param>
internal readonly record struct SourceContent(long FirstOffset, bool HasOtherTypes);

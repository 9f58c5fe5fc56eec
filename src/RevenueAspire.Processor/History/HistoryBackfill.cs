using System.Numerics;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.History;

/// <summary>Adds the events that were applied before the history started (<c>history build</c>). Processors may keep running. Not thread-safe.</summary>
/// <remarks>
/// The start of the history determines which events lack rows. Their sum per user is the balance before the user's oldest row, so the new rows end exactly at
/// that balance. If events are no longer readable, the first balance is their sum instead of 0.
/// </remarks>
internal sealed class HistoryBackfill(NpgsqlDataSource database, EventTypes types, ProcessorOptions options, HistoryWriter writer)
{
    private readonly int[] _signs = [.. types.Signs.Values];

    /// <summary>Builds the missing rows.</summary>
    /// <param name="places">Files and folders to search for counted files, in addition to the known paths.</param>
    /// <param name="cancellationToken">Stops the build without changes.</param>
    /// <exception cref="UserErrorException">History:Retain has already removed rows, or one of the places does not exist.</exception>
    public async Task<BackfillResult> RunAsync(IReadOnlyList<string> places, CancellationToken cancellationToken)
    {
        var opened = await VerifiedSources.OpenAsync(database, options, places, cancellationToken).ConfigureAwait(false);
        await using (opened.ConfigureAwait(false))
        {
            var history = opened.Snapshot.History ?? throw new UserErrorException("the history was dropped in the meantime: run 'history build' again");
            if (history.State.RetainedFrom is not null)
            {
                throw new UserErrorException(
                    "History:Retain has removed rows, so older rows cannot be added: run 'history drop', then 'history build', to rebuild the history");
            }

            if (history.Missing.Count == 0)
            {
                return new BackfillResult(0, 0, []);
            }

            return await RunAsync(history, opened, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<BackfillResult> RunAsync(HistorySnapshot history, VerifiedSources opened, CancellationToken cancellationToken)
    {
        using var events = new SourceEvents(types, options);
        await Task.Run(() => events.ReadAll(opened.Sources, cancellationToken), cancellationToken).ConfigureAwait(false);
        var sources = opened.Sources.SelectMany(source => source.Generations).OrderBy(source => source.CreatedAt).ThenBy(source => source.Generation).ToArray();
        var numbers = sources.Select((source, index) => (source.Id, Index: index)).ToDictionary(pair => pair.Id, pair => pair.Index);
        var build = await HistoryBuild.BeginAsync(
            database, writer, [.. sources.Select(source => new HistorySource(source.Id, source.Kind == SourceKind.Log))],
            cancellationToken).ConfigureAwait(false);
        var (count, firstAt) = (0L, DateTimeOffset.UtcNow);
        await using (build.ConfigureAwait(false))
        {
            var users = events.Users();
            var any = users.Read();
            var last = Array.Empty<byte>();
            await foreach (var row in history.ReadUsersAsync(cancellationToken).ConfigureAwait(false))
            {
                if (row.UserId.Span.SequenceEqual(last))
                {
                    continue;
                }

                last = row.UserId.ToArray();
                while (any && users.UserId.SequenceCompareTo(last) < 0)
                {
                    any = users.Read();
                }

                if (!any || !users.UserId.SequenceEqual(last))
                {
                    continue;
                }

                List<BuiltEvent> built = [.. events.Of(users)
                    .Where(entry => history.Missing.Any(gap => gap.SourceId == entry.Source && gap.Contains(entry.Applied.Offset, last)))
                    .Select(entry => ToBuilt(numbers[entry.Source], sources[numbers[entry.Source]], entry.Applied))];
                built.Sort(static (left, right) => (left.At, left.Source, left.Applied.Offset).CompareTo((right.At, right.Source, right.Applied.Offset)));
                var end = row.Row is { } oldest ? oldest.Balance - oldest.Revenue : row.Revenue!.Value;
                var sum = built.Aggregate(BigInteger.Zero, (total, entry) => total + (_signs[entry.Applied.Type] * (BigInteger)entry.Applied.Value));
                if (built.Count > 0 && DateTimeOffset.FromUnixTimeMilliseconds(built[0].At) is var at && at < firstAt)
                {
                    firstAt = at;
                }

                await build.AddAsync(last, end - sum, built, cancellationToken).ConfigureAwait(false);
                count += built.Count;
            }

            var whole = sources.Select(source => source.Id).Where(id => !events.Unread.Contains(id)).ToArray();
            await build.CommitAsync(whole, firstAt, cancellationToken).ConfigureAwait(false);
            var unread = opened.Sources.Where(source => source.Generations.Any(generation => events.Unread.Contains(generation.Id)));
            return new BackfillResult(count, build.Rows, [.. unread
                .Select(source => $"{source.Source.Name}: {source.Refusal ?? source.Unread.FirstOrDefault() ?? "some of its bytes could not be read"}")]);
        }
    }

    private static BuiltEvent ToBuilt(int number, LedgerSource source, AppliedEvent applied) => new(
        number, applied.Time == AppliedEvent.NoTime ? source.CreatedAt.ToUnixTimeMilliseconds() : applied.Time, applied);
}

/// <summary>The result of a build.</summary>
/// <param name="Events">Number of events that now have rows.</param>
/// <param name="Rows">Number of rows written.</param>
/// <param name="Unread">Sources with unreadable events, one line each.</param>
internal sealed record BackfillResult(long Events, long Rows, IReadOnlyList<string> Unread);

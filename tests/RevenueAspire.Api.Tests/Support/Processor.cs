using System.Security.Cryptography;
using System.Text;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Applies a log to the ledger as a processor does, but on demand, one range at a time.</summary>
internal static class Processor
{
    /// <summary>Applies all durable events that are not applied yet.</summary>
    /// <param name="api">The API with the log.</param>
    /// <param name="database">Connection string of the ledger.</param>
    /// <param name="rejectWhere">Selects records to reject instead.</param>
    public static async Task ApplyAsync(ApiHost api, string database, Func<string, bool>? rejectWhere = null)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await LedgerSchema.ApplyAsync(source, CancellationToken.None);
        var logId = api.Log.LogId;
        var inFiles = api.Files is not null;
        var known = await new SourceRegistry(source).OpenLogAsync(logId, inFiles ? api.LogDirectory : $"postgres:{logId:N}", CancellationToken.None);
        var bytes = Encoding.UTF8.GetBytes(inFiles ? ReadFiles(api.LogDirectory, known.AppliedThrough) : ReadRows(source, logId, known.AppliedThrough));
        var sums = new SortedDictionary<string, Int128>(StringComparer.Ordinal);
        var rejects = new List<RejectedLine>();
        var lines = Encoding.UTF8.GetString(bytes).Split('\n')[..^1];
        var offset = known.AppliedThrough;
        for (var line = 0; line < lines.Length; line++)
        {
            var raw = Encoding.UTF8.GetBytes(lines[line]);
            Assert.Equal(ParseOutcome.Event, new EventParser(EventTypes.Default).Parse(raw, out var parsed));
            if (rejectWhere?.Invoke(lines[line]) == true)
            {
                rejects.Add(new RejectedLine(offset, line, "made up by a test", raw));
            }
            else
            {
                var userId = Encoding.UTF8.GetString(parsed.UserId);
                sums[userId] = sums.GetValueOrDefault(userId) + parsed.Delta;
            }

            offset += raw.Length + 1;
        }

        var whole = Encoding.UTF8.GetBytes(
            inFiles ? ReadFiles(api.LogDirectory, Math.Max(0, offset - TailHash.Bytes)) : ReadRows(source, logId, Math.Max(0, offset - TailHash.Bytes)));
        var tail = SHA256.HashData(whole);
        Assert.True(await LiveApply.TryApplyAsync(
            source, known.Id, known.AppliedThrough, offset, new Deltas(sums), rejects, lines.Length, lines.Length - rejects.Count, tail, default, null,
            null, CancellationToken.None));
    }

    private static string ReadFiles(string directory, long from)
    {
        using var reader = EventLogReader.Open(directory);
        return ApiHost.Read(from, reader.ReadDurableMark(), reader.Read);
    }

    private static string ReadRows(NpgsqlDataSource database, Guid logId, long from)
    {
        using var reader = PostgresLogReader.Open(database, logId);
        return ApiHost.Read(from, reader.ReadDurableMark(), reader.Read);
    }

    private sealed class Deltas(SortedDictionary<string, Int128> sums) : ISortedDeltas
    {
        private readonly (byte[] UserId, Int128 Delta)[] _rows = [.. sums.Select(sum => (Encoding.UTF8.GetBytes(sum.Key), sum.Value))
            .OrderBy(row => row.Item1, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];

        public bool Contains(ReadOnlySpan<byte> userId)
        {
            foreach (var row in _rows)
            {
                if (userId.SequenceEqual(row.UserId))
                {
                    return true;
                }
            }

            return false;
        }

        public IDeltaReader ReadAfter(ReadOnlySpan<byte> key)
        {
            var from = 0;
            while (from < _rows.Length && key.SequenceCompareTo(_rows[from].UserId) >= 0)
            {
                from++;
            }

            return new Reader(_rows, from - 1);
        }

        private sealed class Reader((byte[] UserId, Int128 Delta)[] rows, int at) : IDeltaReader
        {
            private int _at = at;

            public ReadOnlySpan<byte> UserId => rows[_at].UserId;

            public Int128 Delta => rows[_at].Delta;

            public bool Read() => ++_at < rows.Length;
        }
    }
}

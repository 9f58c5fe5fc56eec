using System.Text;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Identifies files by their content (rule M10). Each writing call is one transaction under one advisory lock, so two processors never create the same
/// content twice.</summary>
internal sealed class FileResolver(NpgsqlDataSource database)
{
    // The lock is held briefly, because callers compute the digests before. Its number differs from the lock numbers in db.sql and eventlog.sql.
    // Replication.Barrier makes every transaction write. So if a repeated call only reads the rows of an unconfirmed attempt, its commit confirms them (rule
    // R2).
    private const string Lock = $"{Replication.Barrier}, pg_advisory_xact_lock(5641763209170222)";

    /// <summary>Paths per content.</summary>
    internal const int MaxPaths = 64;

    /// <summary>Maximum length of a path in UTF-8 bytes. An index entry can have about 2,700 bytes.</summary>
    private const int LongestPathBytes = 2000;

    /// <summary>A known digest that equals one of the file's. The primary key of event_source_digest ensures that it belongs to only one content.</summary>
    private readonly record struct Match(Guid ContentId, long Length, long NewestLength, Guid RecordedBy);

    public async Task<FileResolution> ResolveAsync(Guid attempt, string name, IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken)
    {
        Validate(name, digests);
        var whole = digests.MaxBy(digest => digest.Length);
        return await InTransactionAsync(
            async connection =>
            {
                if (await MissingLengthsAsync(connection, digests, whole.Length, cancellationToken).ConfigureAwait(false) is { Count: > 0 } missing)
                {
                    return new FileResolution(FileMatch.New, [], null, missing);
                }

                if (await LongestMatchAsync(connection, digests, cancellationToken).ConfigureAwait(false) is not { } match)
                {
                    var source = await CreateAsync(connection, attempt, name, whole, cancellationToken).ConfigureAwait(false);
                    await RememberPathAsync(connection, attempt, name, cancellationToken).ConfigureAwait(false);
                    return new FileResolution(FileMatch.New, [source], null) { Lengths = [whole.Length] };
                }

                if (match.Length < whole.Length && match.Length < match.NewestLength)
                {
                    return new FileResolution(FileMatch.Fork, [], await NameAsync(connection, match.ContentId, cancellationToken).ConfigureAwait(false));
                }

                // An earlier attempt of the same call committed, but its answer was lost. Return the same answer again.
                var repeated = match.RecordedBy == attempt && match.Length == whole.Length;
                if (match.Length < whole.Length)
                {
                    await GrowAsync(connection, match.ContentId, attempt, whole, cancellationToken).ConfigureAwait(false);
                }

                if (whole.Length >= match.NewestLength)
                {
                    await RenameAsync(connection, match.ContentId, name, cancellationToken).ConfigureAwait(false);
                }

                await RememberPathAsync(connection, match.ContentId, name, cancellationToken).ConfigureAwait(false);
                var generations = await GenerationsAsync(connection, match.ContentId, cancellationToken).ConfigureAwait(false);
                var found = repeated && match.ContentId == attempt ? FileMatch.New
                    : repeated || match.Length < whole.Length ? FileMatch.Grown
                    : FileMatch.Known;
                return new FileResolution(found, generations, null)
                {
                    Lengths = await LengthsAsync(connection, match.ContentId, cancellationToken).ConfigureAwait(false),
                };
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Returns the length of the longest known digest, or null. Changes nothing.</summary>
    public async Task<long?> FindBeginningAsync(IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return (await LongestMatchAsync(connection, digests, cancellationToken).ConfigureAwait(false))?.Length;
    }

    public async Task<LedgerSource> StartNextGenerationAsync(Guid id, string name, FileDigest digest, CancellationToken cancellationToken)
    {
        Validate(name, [digest]);
        return await InTransactionAsync(
            async connection =>
            {
                await using var start = new NpgsqlCommand(
                    $"""
                    insert into event_source (source_id, kind, name, content_id, generation, length)
                    select $1, 'file',
                        case when $2 = '{SourceRegistry.NoPath}'
                          then (select min(s.name) from event_source s where s.content_id = d.content_id and s.generation = 1) else $2 end,
                        d.content_id, (select max(s.generation) + 1 from event_source s where s.content_id = d.content_id), d.length
                    from event_source_digest d where d.length = $3 and d.sha256 = $4
                    on conflict (source_id) do update set name = excluded.name
                    returning {SourceRows.Columns}
                    """,
                    connection)
                {
                    Parameters = { new() { Value = id }, new() { Value = name }, new() { Value = digest.Length }, new() { Value = digest.Sha256 } },
                };
                return (await SourceRows.ListAsync(start, cancellationToken).ConfigureAwait(false)).SingleOrDefault()
                    ?? throw new InvalidOperationException($"{name} is not known with this content: resolve it first.");
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static void Validate(string name, IReadOnlyList<FileDigest> digests)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(digests);
        if (digests.Count == 0 || digests.Any(digest => digest.Length <= 0 || digest.Sha256.Length != 32)
            || digests.Select(digest => digest.Length).Distinct().Count() != digests.Count)
        {
            throw new ArgumentException("Digests must have 32 bytes each and distinct lengths above 0.", nameof(digests));
        }
    }

    private async Task<T> InTransactionAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        using var confirmation = new CommitConfirmation(connection);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (var wait = new NpgsqlCommand(Lock, connection))
        {
            await wait.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        // At the isolation level read committed, the queries after the wait see the commit of the previous lock holder.
        var result = await work(connection).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);

        // The caller claims and merges ranges based on this result, so a failover must not undo it.
        confirmation.Require();
        return result;
    }

    private static async Task<List<long>> MissingLengthsAsync(
        NpgsqlConnection connection, IReadOnlyList<FileDigest> digests, long length, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select distinct length from event_source_digest where length < $1 and length <> all ($2) order by length", connection)
        {
            Parameters = { new() { Value = length }, new() { Value = digests.Select(digest => digest.Length).ToArray() } },
        };
        return await ReadLengthsAsync(command, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<Match?> LongestMatchAsync(NpgsqlConnection connection, IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select d.content_id, d.length, (select max(n.length) from event_source_digest n where n.content_id = d.content_id), d.recorded_by
            from unnest($1, $2) as file (length, sha256) join event_source_digest d using (length, sha256)
            order by d.length desc limit 1
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = digests.Select(digest => digest.Length).ToArray() },
                new() { Value = digests.Select(digest => digest.Sha256.ToArray()).ToArray() },
            },
        };
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new Match(rows.GetGuid(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetGuid(3)) : null;
    }

    private static async Task<List<long>> LengthsAsync(NpgsqlConnection connection, Guid contentId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select length from event_source_digest where content_id = $1 order by length", connection)
        {
            Parameters = { new() { Value = contentId } },
        };
        return await ReadLengthsAsync(command, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<List<long>> ReadLengthsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var lengths = new List<long>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            lengths.Add(rows.GetInt64(0));
        }

        return lengths;
    }

    private static async Task<LedgerSource> CreateAsync(
        NpgsqlConnection connection, Guid id, string name, FileDigest whole, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            with digest as (insert into event_source_digest (content_id, length, sha256, recorded_by) values ($1, $3, $4, $1))
            insert into event_source (source_id, kind, name, content_id, generation, length) values ($1, 'file', $2, $1, 1, $3)
            returning {SourceRows.Columns}
            """,
            connection)
        {
            Parameters = { new() { Value = id }, new() { Value = name }, new() { Value = whole.Length }, new() { Value = whole.Sha256 } },
        };
        return (await SourceRows.ListAsync(command, cancellationToken).ConfigureAwait(false)).Single();
    }

    /// <summary>Records a new length. Only generation 1 grows: a later generation counts the content as of its start.</summary>
    private static async Task GrowAsync(NpgsqlConnection connection, Guid contentId, Guid attempt, FileDigest whole, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            with digest as (insert into event_source_digest (content_id, length, sha256, recorded_by) values ($1, $2, $3, $4))
            update event_source set length = $2 where source_id = $1
            """,
            connection)
        {
            Parameters = { new() { Value = contentId }, new() { Value = whole.Length }, new() { Value = whole.Sha256 }, new() { Value = attempt } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task RenameAsync(NpgsqlConnection connection, Guid contentId, string name, CancellationToken cancellationToken)
    {
        if (name == SourceRegistry.NoPath)
        {
            // Standard input has no path at which verify could find the file, so keep the known path.
            return;
        }

        await using var command = new NpgsqlCommand("update event_source set name = $2 where content_id = $1 and name <> $2", connection)
        {
            Parameters = { new() { Value = contentId }, new() { Value = name } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stores the path for verify, which tries the stored paths of a content. A path that does not fit into the index is not stored.</summary>
    private static async Task RememberPathAsync(NpgsqlConnection connection, Guid contentId, string name, CancellationToken cancellationToken)
    {
        if (name == SourceRegistry.NoPath || Encoding.UTF8.GetByteCount(name) > LongestPathBytes)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            with seen as (insert into event_source_path (content_id, path) values ($1, $2) on conflict (content_id, path) do nothing returning path)
            delete from event_source_path p using seen
            where p.content_id = $1 and p.path in (select o.path from event_source_path o where o.content_id = $1 order by o.seen_at desc offset $3)
            """,
            connection)
        {
            Parameters = { new() { Value = contentId }, new() { Value = name }, new() { Value = MaxPaths - 1 } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<string> NameAsync(NpgsqlConnection connection, Guid contentId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select name from event_source where source_id = $1", connection)
        {
            Parameters = { new() { Value = contentId } },
        };
        return (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private static async Task<List<LedgerSource>> GenerationsAsync(NpgsqlConnection connection, Guid contentId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"select {SourceRows.Columns} from event_source where content_id = $1 order by generation", connection)
        {
            Parameters = { new() { Value = contentId } },
        };
        return await SourceRows.ListAsync(command, cancellationToken).ConfigureAwait(false);
    }
}

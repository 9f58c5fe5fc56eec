using Npgsql;
using RevenueAspire.EventLog.Postgres.Reading;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <content>Receipts, also those of other processes.</content>
public sealed partial class PostgresEventLog
{
    /// <summary>Look-ups at once: each unpacks a batch, which may be large, and takes a connection.</summary>
    private const int MaxLookUps = 8;

    private readonly SemaphoreSlim _lookUps = new(MaxLookUps);

    /// <inheritdoc/>
    public async ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken)
    {
        await _lookUps.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await AskAsync(receipt, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lookUps.Release();
        }
    }

    private async Task<ReceiptLookup> AskAsync(Receipt receipt, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = _database.CreateCommand(
                """
                select l.first_offset, l.end_offset, b.from_offset, b.to_offset, b.encoding, b.crc, b.bytes
                from event_log l
                left join lateral (
                  select * from event_log_batch b where b.log_id = l.log_id and b.from_offset <= $2 and $2 < l.end_offset order by b.from_offset desc limit 1) b on true
                where l.log_id = $1
                """);
            command.Parameters.Add(new NpgsqlParameter { Value = receipt.LogId });
            command.Parameters.Add(new NpgsqlParameter { Value = receipt.Offset });
            await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return ReceiptLookup.OtherLog;
            }

            if (receipt.Offset < rows.GetInt64(0))
            {
                return ReceiptLookup.Record;
            }

            if (receipt.Offset >= rows.GetInt64(1) || await rows.IsDBNullAsync(2, cancellationToken).ConfigureAwait(false))
            {
                return ReceiptLookup.NoRecord;
            }

            var batch = StoredBatch.Unpack(rows.GetInt64(2), rows.GetInt64(3), (BatchEncoding)rows.GetInt16(4), (uint)rows.GetInt64(5), rows.GetFieldValue<byte[]>(6));
            return receipt.Offset < batch.To && batch.IsRecord(receipt.Offset) ? ReceiptLookup.Record : ReceiptLookup.NoRecord;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return ReceiptLookup.OtherLog;
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception))
        {
            DatabaseErrors.DropConnections(_database, exception);
            throw new IOException($"{Name}: {PostgresLogErrors.Describe(exception)}", exception);
        }
    }
}

using System.Buffers.Binary;
using System.Data;
using System.Runtime.CompilerServices;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Reads the rows of <c>COPY ... TO STDOUT (FORMAT BINARY)</c>. The fields of one row stay valid until the next row. Not thread-safe.</summary>
internal sealed class BinaryRows(Stream stream)
{
    /// <summary>Signature, flags, and the length of the header extension, which Postgres leaves empty.</summary>
    public const int HeaderBytes = 19;

    private const int BufferBytes = 256 << 10;
    private byte[] _buffer = new byte[BufferBytes];
    private int _rowAt;
    private int _at;
    private int _filled;

    /// <summary>Runs a COPY, and returns the reader at the beginning of each row. If the caller stops early, the COPY is cancelled.</summary>
    public static async IAsyncEnumerable<BinaryRows> CopyAsync(
        NpgsqlConnection connection, string copy, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await connection.BeginRawBinaryCopyAsync(copy, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var isRead = false;
            try
            {
                var rows = new BinaryRows(stream);
                await rows.SkipAsync(HeaderBytes, cancellationToken).ConfigureAwait(false);
                while (await rows.ReadFieldCountAsync(cancellationToken).ConfigureAwait(false) > 0)
                {
                    yield return rows;
                }

                isRead = true;
            }
            finally
            {
                if (!isRead && connection.FullState.HasFlag(ConnectionState.Open))
                {
                    // Without the cancellation, disposing the stream would read the rest of the table.
                    await stream.CancelAsync().ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Skips bytes.</summary>
    public async ValueTask SkipAsync(int bytes, CancellationToken cancellationToken)
    {
        await EnsureAsync(bytes, cancellationToken).ConfigureAwait(false);
        _at += bytes;
    }

    /// <summary>Begins the next row, and returns its number of fields; -1 at the end.</summary>
    public async ValueTask<int> ReadFieldCountAsync(CancellationToken cancellationToken)
    {
        _rowAt = _at;
        await EnsureAsync(sizeof(short), cancellationToken).ConfigureAwait(false);
        _at += sizeof(short);
        return BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(_at - sizeof(short)));
    }

    /// <summary>Reads the next field of the row. Pass the result to <see cref="Field"/>. The length of a null field is -1.</summary>
    public async ValueTask<(int Start, int Length)> ReadFieldAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(sizeof(int), cancellationToken).ConfigureAwait(false);
        var length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_at));
        _at += sizeof(int);
        var bytes = Math.Max(length, 0);
        await EnsureAsync(bytes, cancellationToken).ConfigureAwait(false);
        _at += bytes;
        return (_at - bytes - _rowAt, length);
    }

    public ReadOnlyMemory<byte> Field((int Start, int Length) field) => _buffer.AsMemory(_rowAt + field.Start, field.Length);

    /// <summary>Fills the buffer until it has the given number of bytes after the current position. May move the row to the start of the buffer.</summary>
    private ValueTask EnsureAsync(int bytes, CancellationToken cancellationToken) =>
        _filled - _at >= bytes ? ValueTask.CompletedTask : FillAsync(bytes, cancellationToken);

    private async ValueTask FillAsync(int bytes, CancellationToken cancellationToken)
    {
        _buffer.AsSpan(_rowAt, _filled - _rowAt).CopyTo(_buffer);
        (_at, _filled, _rowAt) = (_at - _rowAt, _filled - _rowAt, 0);
        if (_buffer.Length - _at < bytes)
        {
            Array.Resize(ref _buffer, _at + bytes);
        }

        var missing = bytes - (_filled - _at);
        _filled += await stream.ReadAtLeastAsync(_buffer.AsMemory(_filled), missing, cancellationToken: cancellationToken).ConfigureAwait(false);
    }
}

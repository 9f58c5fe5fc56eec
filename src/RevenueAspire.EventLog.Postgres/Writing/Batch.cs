using System.Buffers;
using System.IO.Compression;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>Encoding of the bytes of a batch row.</summary>
internal enum BatchEncoding : short
{
    Plain = 0,
    Brotli = 1,
}

/// <summary>Bytes and keys of one group commit at a given offset. Not thread-safe. Dispose it after the commit.</summary>
internal sealed class Batch : IDisposable
{
    /// <summary>Bytes below which compression costs more than it saves.</summary>
    private const int WorthCompressing = 1024;

    /// <summary>The fastest level, which shrinks JSON Lines to about a tenth.</summary>
    private const int Quality = 1;
    private const int WindowBits = 18;

    private readonly byte[] _plain;
    private readonly byte[]? _compressed;

    private Batch(long from, byte[] plain, int length, byte[]? compressed, int compressedLength, KeyRows keys)
    {
        From = from;
        To = from + length;
        _plain = plain;
        _compressed = compressed;
        Crc = Crc32C.Compute(plain.AsSpan(0, length));
        Bytes = compressed is null ? plain.AsMemory(0, length) : compressed.AsMemory(0, compressedLength);
        Encoding = compressed is null ? BatchEncoding.Plain : BatchEncoding.Brotli;
        Keys = keys;
    }

    /// <summary>Offset of the first byte.</summary>
    public long From { get; }

    /// <summary>Offset after the last byte.</summary>
    public long To { get; }

    /// <summary>CRC-32C of the uncompressed bytes.</summary>
    public uint Crc { get; }

    /// <summary>The stored bytes, in <see cref="Encoding"/>.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public BatchEncoding Encoding { get; }

    /// <summary>The groups' keys in byte order. All processes insert keys in this order, so they never deadlock.</summary>
    public KeyRows Keys { get; }

    /// <summary>Renders groups in sequence, and sets their receipts.</summary>
    public static Batch Render(Guid logId, long from, List<PendingAppend> groups)
    {
        var room = groups.Sum(pending => (long)pending.Group.MaxBytes);
        var plain = ArrayPool<byte>.Shared.Rent(checked((int)room));
        var length = 0;
        foreach (var pending in groups)
        {
            var group = pending.Group;
            var start = from + length;
            pending.Receipt = new Receipt(logId, start + group.LastRecord);
            group.Bytes.CopyTo(plain.AsSpan(length));
            length += group.Length;
            if (group.HasClosing)
            {
                length += group.WriteClosing(plain.AsSpan(length), start);
            }
        }

        var (compressed, compressedLength) = Compress(plain.AsSpan(0, length));
        return new Batch(from, plain, length, compressed, compressedLength, KeyRows.Of(groups));
    }

    /// <summary>Creates a batch of bytes that are already in the log, to store them again.</summary>
    public static Batch Of(long from, ReadOnlySpan<byte> bytes)
    {
        var plain = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(plain);
        var (compressed, compressedLength) = Compress(bytes);
        return new Batch(from, plain, bytes.Length, compressed, compressedLength, KeyRows.Of([]));
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_plain);
        if (_compressed is not null)
        {
            ArrayPool<byte>.Shared.Return(_compressed);
        }
    }

    private static (byte[]? Bytes, int Length) Compress(ReadOnlySpan<byte> plain)
    {
        if (plain.Length < WorthCompressing)
        {
            return (null, 0);
        }

        var compressed = ArrayPool<byte>.Shared.Rent(plain.Length);
        if (BrotliEncoder.TryCompress(plain, compressed, out var length, Quality, WindowBits))
        {
            return (compressed, length);
        }

        // If compression does not shrink the bytes, store them uncompressed.
        ArrayPool<byte>.Shared.Return(compressed);
        return (null, 0);
    }
}

/// <summary>Outcome of a batch.</summary>
/// <param name="Moved">Whether the log's end moved, with bytes and keys in the same transaction.</param>
/// <param name="Known">Keys that were already known. If there are any, nothing was written.</param>
internal readonly record struct CommitOutcome(bool Moved, List<KnownKey> Known);

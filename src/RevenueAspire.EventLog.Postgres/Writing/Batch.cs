using System.Buffers;
using System.IO.Compression;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>How the bytes of a batch row are stored.</summary>
internal enum BatchEncoding : short
{
    Plain = 0,
    Brotli = 1,
}

/// <summary>The bytes and keys of one group commit, for the offset at which it begins. Not thread-safe; disposed after the answer.</summary>
internal sealed class Batch : IDisposable
{
    /// <summary>Below it compressing costs more than it saves.</summary>
    private const int WorthCompressing = 1024;

    /// <summary>The fastest level: JSON Lines shrink to about a tenth.</summary>
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

    /// <summary>Offset behind the last byte.</summary>
    public long To { get; }

    /// <summary>CRC-32C before compression.</summary>
    public uint Crc { get; }

    /// <summary>As stored.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public BatchEncoding Encoding { get; }

    /// <summary>The groups' keys, in the order of their bytes: every process writes them in this order, so that none waits for another in a circle.</summary>
    public KeyRows Keys { get; }

    /// <summary>Renders groups one behind the other, and sets their receipts.</summary>
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

    /// <summary>Bytes that are in the log already, to be stored anew.</summary>
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

        // Bytes that do not shrink stay as they are.
        ArrayPool<byte>.Shared.Return(compressed);
        return (null, 0);
    }
}

/// <summary>What became of a batch.</summary>
/// <param name="Moved">The log's end moved, and everything with it.</param>
/// <param name="Known">Keys that are known already: then nothing was written.</param>
internal readonly record struct CommitOutcome(bool Moved, List<KnownKey> Known);

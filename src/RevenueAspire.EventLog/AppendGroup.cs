using System.Globalization;
using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog;

/// <summary>Records that the log appends atomically; built by <see cref="AppendGroupBuilder"/>.</summary>
public sealed class AppendGroup
{
    /// <summary>Upper bound of the bytes that <see cref="WriteClosing"/> writes.</summary>
    internal const int MaxClosingBytes = 128;

    // Exactly one of these two is set until Release.
    private byte[]? _array;
    private LargeBlock? _block;

    internal AppendGroup(byte[]? array, LargeBlock? block, int length, int lastRecord, bool hasClosing, uint crc)
    {
        _array = array;
        _block = block;
        Length = length;
        LastRecord = lastRecord;
        HasClosing = hasClosing;
        Crc = crc;
    }

    /// <summary>Records in the group, at least 1.</summary>
    public int Count { get; internal init; }

    /// <summary>Rejected lines of the request. Stored with the key, so that a repeat gets the same counts.</summary>
    public int RejectedCount { get; internal init; }

    /// <summary>The client's idempotency key, or null.</summary>
    public string? IdempotencyKey { get; internal init; }

    /// <summary>Bytes rendered so far, without the closing part.</summary>
    internal int Length { get; }

    /// <summary>Position of the last record within <see cref="Bytes"/>.</summary>
    internal int LastRecord { get; }

    /// <summary>Whether <see cref="WriteClosing"/> must follow the bytes.</summary>
    internal bool HasClosing { get; }

    /// <summary>CRC-32C of <see cref="Bytes"/> when <see cref="HasClosing"/>.</summary>
    internal uint Crc { get; }

    internal bool HasKey => IdempotencyKey is not null;

    internal UInt128 KeyHash { get; init; }

    internal UInt128 BodyHash { get; init; }

    internal ReadOnlySpan<byte> Bytes =>
        _array is not null ? _array.AsSpan(0, Length)
        : _block is not null ? _block.From(0)[..Length]
        : throw new InvalidOperationException("a group can be used only once");

    /// <summary>Upper bound of the group's bytes in the queue and on disk.</summary>
    internal int MaxBytes => Length + (HasClosing ? MaxClosingBytes : 0);

    /// <summary>Writes the end of the last record. It contains the group's offset, which only the writer knows.</summary>
    internal int WriteClosing(Span<byte> destination, long from)
    {
        System.Text.Unicode.Utf8.TryWrite(
            destination,
            CultureInfo.InvariantCulture,
            $$""","batch":{"from":{{from}},"count":{{Count}},"rejected":{{RejectedCount}},"crc":"{{Crc:x8}}" """,
            out var written);

        // Overwrite the space, which is there only because a raw string cannot end in a quote.
        "}}\n"u8.CopyTo(destination[(written - 1)..]);
        return written + 2;
    }

    /// <summary>Frees the memory. Call once, after the last read of the bytes.</summary>
    internal void Release()
    {
        if (_array is { } array)
        {
            _array = null;
            RecordBuffer.Return(array);
        }

        _block?.Dispose();
        _block = null;
    }
}

using System.Globalization;
using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog;

/// <summary>Records that are appended as one atomic unit; built by <see cref="AppendGroupBuilder"/>.</summary>
public sealed class AppendGroup
{
    /// <summary>Bytes that <see cref="WriteClosing"/> needs at most.</summary>
    internal const int MaxClosingBytes = 128;

    // One of them, until it is given back.
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

    /// <summary>Lines of the request that were no events, remembered with the key so that a repeat gets the same counts.</summary>
    public int RejectedCount { get; internal init; }

    /// <summary>The client's key, or null.</summary>
    public string? IdempotencyKey { get; internal init; }

    /// <summary>Rendered bytes, without the closing.</summary>
    internal int Length { get; }

    /// <summary>Where the last record begins in them.</summary>
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
        : throw new InvalidOperationException("a group is used once");

    /// <summary>Bytes that the group takes in a queue or on disk at most.</summary>
    internal int MaxBytes => Length + (HasClosing ? MaxClosingBytes : 0);

    /// <summary>Ends the last record: only the writer knows at which offset the group begins.</summary>
    internal int WriteClosing(Span<byte> destination, long from)
    {
        System.Text.Unicode.Utf8.TryWrite(
            destination,
            CultureInfo.InvariantCulture,
            $$""","batch":{"from":{{from}},"count":{{Count}},"rejected":{{RejectedCount}},"crc":"{{Crc:x8}}" """,
            out var written);

        // In place of the space that keeps the quotes apart above.
        "}}\n"u8.CopyTo(destination[(written - 1)..]);
        return written + 2;
    }

    /// <summary>Gives the memory back; called once, when nothing reads the bytes any more.</summary>
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

using System.Buffers;

namespace RevenueAspire.EventLog.Format;

/// <summary>A growing buffer that can be truncated and detached. Small ones come from array pools, large ones are <see cref="LargeBlock"/>s.</summary>
/// <remarks>Most buffers hold one event. One thread parses it and rents the array; another thread answers and returns the array. The runtime's shared pool
/// keeps only a few arrays per thread, so new arrays were a third of an event's allocations. So all threads share one pool for the smallest size.</remarks>
internal sealed class RecordBuffer : IBufferWriter<byte>
{
    private const int InitialBytes = 512;

    /// <summary>Larger buffers do not use the array pool, because it never frees them.</summary>
    private const int MaxPooledBytes = 256 << 10;

    /// <summary>Number of small arrays to keep: about as many as events wait for the disk, 2 MB in total. The garbage collector frees the others.</summary>
    private const int MaxKeptSmall = 4096;

    private static readonly ArrayPool<byte> Small = ArrayPool<byte>.Create(InitialBytes, MaxKeptSmall);

    private byte[] _bytes = [];
    private LargeBlock? _block;

    /// <summary>Number of bytes written. Lower it to remove the last bytes.</summary>
    public int Length { get; set; }

    public ReadOnlySpan<byte> Written => _block is null ? _bytes.AsSpan(0, Length) : _block.From(0)[..Length];

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Length += bytes.Length;
    }

    public void Advance(int count) => Length += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _block is null ? _bytes.AsSpan(Length) : _block.From(Length);
    }

    /// <summary>Not supported: a block is not managed memory.</summary>
    public Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException("records are written through spans");

    /// <summary>Transfers the bytes to the caller, as a pooled array or a block, and empties the buffer.</summary>
    public (byte[]? Bytes, LargeBlock? Block, int Length) Detach()
    {
        var result = (_block is null ? _bytes : null, _block, Length);
        _bytes = [];
        _block = null;
        Length = 0;
        return result;
    }

    /// <summary>Returns a detached array.</summary>
    public static void Return(byte[] array) => PoolOf(array.Length).Return(array);

    /// <summary>Empties the buffer; keeps its array, releases its block.</summary>
    public void Clear()
    {
        Length = 0;
        _block?.Dispose();
        _block = null;
    }

    private void Reserve(int sizeHint)
    {
        var needed = checked(Length + Math.Max(sizeHint, 1));
        var capacity = _block?.Length ?? _bytes.Length;
        if (needed <= capacity)
        {
            return;
        }

        var larger = (int)Math.Max(Math.Max(needed, InitialBytes), Math.Min(Array.MaxLength, 2L * capacity));
        if (_block is not null)
        {
            _block.Grow(larger);
            return;
        }

        if (larger > MaxPooledBytes)
        {
            _block = LargeBlock.Take(larger);
            _bytes.AsSpan(0, Length).CopyTo(_block.From(0));
            ReturnArray();
            return;
        }

        var array = PoolOf(larger).Rent(larger);
        _bytes.AsSpan(0, Length).CopyTo(array);
        ReturnArray();
        _bytes = array;
    }

    private void ReturnArray()
    {
        if (_bytes.Length > 0)
        {
            Return(_bytes);
            _bytes = [];
        }
    }

    /// <summary>Returns an array to its pool. The length identifies the pool: only the shared pool has arrays longer than the smallest size.</summary>
    private static ArrayPool<byte> PoolOf(int length) => length <= InitialBytes ? Small : ArrayPool<byte>.Shared;
}

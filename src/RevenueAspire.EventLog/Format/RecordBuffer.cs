using System.Buffers;

namespace RevenueAspire.EventLog.Format;

/// <summary>A growing buffer that can be cut back and handed over. Small ones come from pools of arrays, large ones are separate blocks.</summary>
/// <remarks>Most hold one event and are handed over: rented by the thread that parses, given back by the one that answers. The shared pool keeps a few arrays
/// per thread and allocates the others, which was a third of the allocations of an event. So all threads share a pool of the smallest size.</remarks>
internal sealed class RecordBuffer : IBufferWriter<byte>
{
    private const int InitialBytes = 512;

    /// <summary>What is larger is no business of the array pool, which keeps what it gets.</summary>
    private const int MaxPooledBytes = 256 << 10;

    /// <summary>Events on their way to the disk that commonly are there at once; further arrays are made and left to the garbage collector. 2 MB.</summary>
    private const int MaxKeptSmall = 4096;

    private static readonly ArrayPool<byte> Small = ArrayPool<byte>.Create(InitialBytes, MaxKeptSmall);

    private byte[] _bytes = [];
    private LargeBlock? _block;

    /// <summary>Bytes written; set it lower to take the last ones back.</summary>
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

    /// <summary>Not there: a block is no managed memory, and records are written through spans.</summary>
    public Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException("records are written through spans");

    /// <summary>Hands the bytes over, in an array of the pool or in a block, and starts empty.</summary>
    public (byte[]? Bytes, LargeBlock? Block, int Length) Detach()
    {
        var result = (_block is null ? _bytes : null, _block, Length);
        _bytes = [];
        _block = null;
        Length = 0;
        return result;
    }

    /// <summary>Gives back an array that was handed over.</summary>
    public static void Return(byte[] array) => PoolOf(array.Length).Return(array);

    /// <summary>Starts empty; keeps an array for what comes, and gives a block back.</summary>
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

    /// <summary>By its size it is known where an array is from: the smaller pool has no larger ones, and the shared one is asked for larger ones
    /// only.</summary>
    private static ArrayPool<byte> PoolOf(int length) => length <= InitialBytes ? Small : ArrayPool<byte>.Shared;
}

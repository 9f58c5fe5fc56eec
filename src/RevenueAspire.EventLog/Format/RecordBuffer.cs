using System.Buffers;

namespace RevenueAspire.EventLog.Format;

/// <summary>A growing pooled buffer that can be cut back and handed over.</summary>
internal sealed class RecordBuffer : IBufferWriter<byte>
{
    private const int InitialBytes = 512;
    private byte[] _bytes = [];

    /// <summary>Bytes written; set it lower to take the last ones back.</summary>
    public int Length { get; set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Length += bytes.Length;
    }

    public void Advance(int count) => Length += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    /// <summary>Hands the bytes over (they belong to the array pool) and starts empty.</summary>
    public (byte[] Bytes, int Length) Detach()
    {
        var result = (_bytes, Length);
        _bytes = [];
        Length = 0;
        return result;
    }

    private void Reserve(int sizeHint)
    {
        var needed = checked(Length + Math.Max(sizeHint, 1));
        if (needed <= _bytes.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, Math.Max(InitialBytes, (int)Math.Min(Array.MaxLength, 2L * _bytes.Length))));
        _bytes.AsSpan(0, Length).CopyTo(larger);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = larger;
    }
}

namespace RevenueAspire.ServiceDefaults.Files;

/// <summary>Bytes, then a stream to its end, then bytes. Reads forward only; the stream is not disposed with it.</summary>
internal sealed class JoinedStream(ReadOnlyMemory<byte> before, Stream middle, ReadOnlyMemory<byte> after) : Stream
{
    private ReadOnlyMemory<byte> _before = before;
    private ReadOnlyMemory<byte> _after = after;
    private bool _middleEnded;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return 0;
        }

        if (!_before.IsEmpty)
        {
            return Take(ref _before, buffer.Span);
        }

        if (!_middleEnded)
        {
            var read = await middle.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (read > 0)
            {
                return read;
            }

            _middleEnded = true;
        }

        return Take(ref _after, buffer.Span);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Only asynchronous reads.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static int Take(ref ReadOnlyMemory<byte> from, Span<byte> to)
    {
        var count = Math.Min(from.Length, to.Length);
        from.Span[..count].CopyTo(to);
        from = from[count..];
        return count;
    }
}

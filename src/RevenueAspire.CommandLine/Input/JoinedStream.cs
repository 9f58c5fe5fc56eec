namespace RevenueAspire.CommandLine;

/// <summary>Bytes, then a stream to its end, then bytes. Reads forward only; the stream is not disposed with it.</summary>
internal sealed class JoinedStream(ReadOnlyMemory<byte> before, Stream middle, ReadOnlyMemory<byte> after) : ForwardStream
{
    private ReadOnlyMemory<byte> _before = before;
    private ReadOnlyMemory<byte> _after = after;
    private bool _middleEnded;

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

    private static int Take(ref ReadOnlyMemory<byte> from, Span<byte> to)
    {
        var count = Math.Min(from.Length, to.Length);
        from.Span[..count].CopyTo(to);
        from = from[count..];
        return count;
    }
}

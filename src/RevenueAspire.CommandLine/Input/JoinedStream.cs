namespace RevenueAspire.CommandLine;

/// <summary>Reads the given bytes, and then a stream to its end. Reads only forward. Does not dispose the stream.</summary>
internal sealed class JoinedStream(ReadOnlyMemory<byte> before, Stream rest) : ForwardStream
{
    private ReadOnlyMemory<byte> _before = before;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_before.IsEmpty)
        {
            return rest.ReadAsync(buffer, cancellationToken);
        }

        var count = Math.Min(_before.Length, buffer.Length);
        _before.Span[..count].CopyTo(buffer.Span);
        _before = _before[count..];
        return ValueTask.FromResult(count);
    }
}

using System.Buffers;
using System.IO.Pipelines;

namespace RevenueAspire.Api.Ingest;

/// <summary>Reads a pipe as a stream. Unlike the framework's own such stream it ends the read also when it was cancelled with <see cref="PipeReader.CancelPendingRead"/>,
/// so that the server can drain the rest of the body.</summary>
/// <param name="reader">The pipe.</param>
/// <param name="tail">Bytes that follow the pipe's own.</param>
internal sealed class PipeStream(PipeReader reader, ReadOnlyMemory<byte> tail) : Stream
{
    private bool _ended;
    private int _tailRead;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="OperationCanceledException">The pending read was cancelled.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_ended)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var part = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, buffer.Length));
            var count = (int)part.Length;
            part.CopyTo(buffer.Span);
            reader.AdvanceTo(part.End);
            if (read.IsCanceled)
            {
                throw new OperationCanceledException();
            }

            _ended = read.IsCompleted && part.Length == read.Buffer.Length;
            if (count > 0 || buffer.IsEmpty)
            {
                return count;
            }
        }

        var rest = tail[_tailRead..];
        rest = rest[..Math.Min(rest.Length, buffer.Length)];
        rest.CopyTo(buffer);
        _tailRead += rest.Length;
        return rest.Length;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }
}

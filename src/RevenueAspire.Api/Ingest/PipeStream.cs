using System.Buffers;
using System.IO.Pipelines;

namespace RevenueAspire.Api.Ingest;

/// <summary>Reads a pipe as a stream. Unlike the framework's own such stream it ends the read also when it was cancelled with <see cref="PipeReader.CancelPendingRead"/>,
/// so that the server can drain the rest of the body.</summary>
internal sealed class PipeStream(PipeReader reader) : Stream
{
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
        while (true)
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

            if (count > 0 || read.IsCompleted || buffer.IsEmpty)
            {
                return count;
            }
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }
}

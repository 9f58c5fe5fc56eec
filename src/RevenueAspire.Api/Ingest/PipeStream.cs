using System.Buffers;
using System.IO.Pipelines;
using RevenueAspire.Api.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Ingest;

/// <summary>Reads a pipe as a stream. Unlike the framework's pipe stream, it also completes the read that <see cref="PipeReader.CancelPendingRead"/> cancels,
/// so Kestrel can drain the rest of the body.</summary>
/// <param name="tail">Bytes appended to the pipe's content.</param>
internal sealed class PipeStream(PipeReader reader, ReadOnlyMemory<byte> tail) : ForwardStream
{
    private bool _ended;
    private int _tailRead;

    /// <exception cref="OperationCanceledException">The pending read was cancelled.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_ended)
        {
            var read = await reader.ReadAsync(cancellationToken);

            // Decompressing and parsing a piece takes as long as many single events.
            await SocketThreads.MoveToPoolAsync();
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
}

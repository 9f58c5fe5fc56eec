namespace RevenueAspire.CommandLine;

/// <summary>Standard output or standard error. A write never throws: the first failure is recorded, and later writes are dropped. Thread-safe.</summary>
internal sealed class GuardedStream(int number, bool isOpen, Func<Stream> open) : Stream
{
    private readonly Lock _lock = new();
    private Stream? _inner;
    private volatile string? _failure = isOpen ? null : "it is closed";

    /// <summary>The cause of the first lost write, as a clause; or null.</summary>
    public string? Lost { get; private set; }

    /// <summary>Whether no write has failed yet.</summary>
    public bool IsOpen => _failure is null;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.IsEmpty)
        {
            return;
        }

        lock (_lock)
        {
            try
            {
                if (_failure is null && StandardStreams.HasLostReader(number))
                {
                    _failure = "its reader has closed it";
                }

                if (_failure is null)
                {
                    (_inner ??= open()).Write(buffer);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                _failure = exception.Message.TrimEnd('.');
            }

            Lost ??= _failure;
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

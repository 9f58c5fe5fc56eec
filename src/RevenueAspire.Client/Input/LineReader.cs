using System.Buffers;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Input;

/// <summary>A line of the file.</summary>
/// <param name="Number">Line number, from 1.</param>
/// <param name="Offset">Offset of the first byte.</param>
/// <param name="Length">Bytes without the newline.</param>
/// <param name="End">Offset after the newline, or the end of the file.</param>
internal readonly record struct FileLine(long Number, long Offset, long Length, long End)
{
    /// <summary>Whether the line, without a carriage return at its end, is too long to be an event. The reader then does not keep its bytes.</summary>
    public bool IsTooLong(byte lastByte) => Length - (lastByte == '\r' ? 1 : 0) > SendLimits.LineBytes;
}

/// <summary>Reads a file line by line in bounded memory, even if a line is very long. For one thread.</summary>
/// <param name="file">Read up to <see cref="InputFile.Length"/>.</param>
/// <param name="offset">Offset to start at: the beginning of a line.</param>
/// <param name="linesBefore">Number of lines before that offset.</param>
internal sealed class LineReader(InputFile file, long offset, long linesBefore) : IDisposable
{
    private const int BufferBytes = 256 * 1024;

    private readonly long _first = offset;
    private readonly XxHash3 _hash = new();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private long _bufferOffset = offset;
    private int _start;
    private int _end;
    private long _lines = linesBefore;

    /// <summary>The bytes of the last line read; empty if the line is too long. Valid until the next read.</summary>
    public ReadOnlyMemory<byte> Current { get; private set; }

    /// <summary>Whether the file still has the content that was read, up to the file's length. Reads the file once more; call it at the end.</summary>
    /// <remarks>Comparing with the journal's digest is not enough, because that digest comes from a separate read.</remarks>
    /// <exception cref="SendException">The file was shortened.</exception>
    public async ValueTask<bool> IsUnchangedAsync(CancellationToken cancellationToken)
    {
        var again = new XxHash3();
        for (var position = _first; position < file.Length;)
        {
            var read = await file.ReadAsync(position, _buffer, cancellationToken);
            again.Append(_buffer.AsSpan(0, read));
            position += read;
        }

        return again.GetCurrentHashAsUInt64() == _hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Returns the next line that is not blank, or null at the end.</summary>
    /// <exception cref="SendException">The file was shortened.</exception>
    public ValueTask<FileLine?> ReadAsync(CancellationToken cancellationToken)
    {
        // Nearly all lines are completely in the buffer, so they skip the async path.
        while (TryTakeBuffered() is { } line)
        {
            if (!IsBlank(line))
            {
                return ValueTask.FromResult<FileLine?>(line);
            }
        }

        return ReadBeyondBufferAsync(cancellationToken);
    }

    /// <summary>Takes lines that are completely in the buffer. Stops at the first line that needs a check, because it may be blank or too long.</summary>
    /// <param name="maxLines">Maximum number of lines.</param>
    /// <param name="maxBytes">Maximum number of bytes, including the newlines.</param>
    /// <param name="count">Number of lines taken; may be 0 even if <see cref="ReadAsync"/> would find a line.</param>
    /// <param name="firstNumber">Number of the first line, from 1.</param>
    /// <param name="end">Offset in the file after the last line.</param>
    /// <returns>The lines, each with its newline; valid until the next read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ReadOnlySpan<byte> TakePlain(int maxLines, int maxBytes, out int count, out long firstNumber, out long end)
    {
        var unread = _buffer.AsSpan(_start, _end - _start);
        var taken = 0;
        count = 0;
        while (count < maxLines && taken < unread.Length && unread[taken] == '{')
        {
            var length = unread[taken..].IndexOf((byte)'\n');
            if (length < 0 || length > SendLimits.LineBytes || taken + length + 1 > maxBytes)
            {
                break;
            }

            taken += length + 1;
            count++;
        }

        firstNumber = _lines + 1;
        _lines += count;
        _start += taken;
        end = _bufferOffset + _start;
        return unread[..taken];
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private FileLine? TryTakeBuffered()
    {
        var newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
        return newline < 0 ? null : Take(newline, hasNewline: true);
    }

    private async ValueTask<FileLine?> ReadBeyondBufferAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            FileLine? line = null;
            if (_end - _start > SendLimits.LineBytes + 1)
            {
                line = await SkipLongLineAsync(cancellationToken);
            }
            else if (await FillAsync(cancellationToken))
            {
                line = TryTakeBuffered();
            }
            else if (_end > _start)
            {
                line = Take(_end - _start, hasNewline: false);
            }
            else
            {
                return null;
            }

            // The buffer may already contain more blank lines.
            for (; line is { } found; line = TryTakeBuffered())
            {
                if (!IsBlank(found))
                {
                    return found;
                }
            }
        }
    }

    private FileLine Take(int length, bool hasNewline)
    {
        var begin = _bufferOffset + _start;
        var line = new FileLine(++_lines, begin, length, begin + length + (hasNewline ? 1 : 0));
        Current = line.IsTooLong(length == 0 ? (byte)0 : _buffer[_start + length - 1]) ? default : _buffer.AsMemory(_start, length);
        _start += (int)(line.End - begin);
        return line;
    }

    private async ValueTask<FileLine> SkipLongLineAsync(CancellationToken cancellationToken)
    {
        var begin = _bufferOffset + _start;
        Current = default;
        while (true)
        {
            var newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var end = _bufferOffset + _start + newline;
                _start += newline + 1;
                return new FileLine(++_lines, begin, end - begin, end + 1);
            }

            _start = _end;
            if (!await FillAsync(cancellationToken))
            {
                var end = _bufferOffset + _end;
                return new FileLine(++_lines, begin, end - begin, end);
            }
        }
    }

    /// <summary>Reads more bytes after the unread ones; returns false at the end of the file.</summary>
    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _bufferOffset += _start;
            _end -= _start;
            _start = 0;
        }

        var read = await file.ReadAsync(_bufferOffset + _end, _buffer.AsMemory(_end), cancellationToken);
        _hash.Append(_buffer.AsSpan(_end, read));
        _end += read;
        return read > 0;
    }

    /// <summary>Whether the last line taken contains only white space, or a byte order mark at the beginning of the file.</summary>
    private bool IsBlank(FileLine taken)
    {
        var line = Current.Span;
        if (taken.Length > line.Length)
        {
            return false;
        }

        if (taken.Offset == 0 && line.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }

        return line.IndexOfAnyExcept((byte)' ', (byte)'\t', (byte)'\r') < 0;
    }
}

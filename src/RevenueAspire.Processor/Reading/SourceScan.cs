using System.Buffers;

namespace RevenueAspire.Processor.Reading;

/// <summary>Small reads of a source: starts of lines, and the hash of the bytes up to an offset. Uses bounded memory. Thread-safe.</summary>
internal static class SourceScan
{
    private const int WindowBytes = 1 << 16;

    /// <summary>Finds the start of the next line: the offset after the first newline at or after an offset, or the end.</summary>
    public static long NextLineStart(ISourceReader source, long from, long end)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            for (var at = from; at < end;)
            {
                var read = source.Read(at, window.AsSpan(0, (int)Math.Min(WindowBytes, end - at)));
                if (read.Count == 0)
                {
                    at = read.DamagedThrough;
                    continue;
                }

                var newline = window.AsSpan(0, read.Count).IndexOf((byte)'\n');
                if (newline >= 0)
                {
                    return at + newline + 1;
                }

                at += read.Count;
            }

            return end;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <summary>Finds the start of a last line that has no newline. Returns the end if the source ends with a newline or is empty.</summary>
    public static long LastLineStart(ISourceReader source, long end)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            for (var until = end; until > source.FirstOffset;)
            {
                var from = Math.Max(source.FirstOffset, until - WindowBytes);
                var bytes = window.AsSpan(0, (int)(until - from));
                Fill(source, from, bytes);
                var newline = bytes.LastIndexOf((byte)'\n');
                if (newline >= 0)
                {
                    return from + newline + 1;
                }

                until = from;
            }

            return source.FirstOffset;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <inheritdoc cref="Ledger.TailHash.Compute"/>
    public static byte[] TailHash(ISourceReader source, long through) => Ledger.TailHash.Compute(
        source.FirstOffset,
        through,
        (offset, destination) =>
        {
            var read = source.Read(offset, destination);
            return (read.Count, read.DamagedThrough);
        });

    /// <summary>Fills the destination; unreadable bytes become zeros.</summary>
    public static void Fill(ISourceReader source, long from, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            var read = source.Read(from, destination);
            var skipped = read.Count > 0 ? read.Count : (int)Math.Min(destination.Length, read.DamagedThrough - from);
            if (read.Count == 0)
            {
                destination[..skipped].Clear();
            }

            destination = destination[skipped..];
            from += skipped;
        }
    }
}

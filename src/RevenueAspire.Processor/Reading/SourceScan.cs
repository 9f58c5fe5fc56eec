using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RevenueAspire.Processor.Reading;

/// <summary>Small looks into a source: where lines begin, and the hash of what lies before an offset. Bounded memory. Thread-safe.</summary>
internal static class SourceScan
{
    /// <summary>Bytes before an offset that rule M11 hashes.</summary>
    public const int TailBytes = 4096;

    private const int WindowBytes = 1 << 16;

    /// <summary>The first beginning of a line behind the newline that is looked for from an offset on, or the end.</summary>
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

    /// <summary>The beginning of the line that ends, without newline, at the end; the end itself when a newline stands there (or the source is empty).</summary>
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

    /// <summary>SHA-256 of the last up to 4096 bytes before an offset (rule M11); empty at 0, and where retention has removed some of them.</summary>
    /// <remarks>Bytes that cannot be had enter as their offsets.</remarks>
    public static byte[] TailHash(ISourceReader source, long through)
    {
        var from = Math.Max(0, through - TailBytes);
        if (through == 0 || from < source.FirstOffset)
        {
            return [];
        }

        Span<byte> bytes = stackalloc byte[TailBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (from < through)
        {
            var read = source.Read(from, bytes[..(int)(through - from)]);
            if (read.Count > 0)
            {
                hash.AppendData(bytes[..read.Count]);
                from += read.Count;
            }
            else
            {
                AppendDamage(hash, from, read.DamagedThrough);
                from = read.DamagedThrough;
            }
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Enters a stretch of bytes that cannot be had into a hash.</summary>
    public static void AppendDamage(IncrementalHash hash, long from, long through)
    {
        Span<byte> offsets = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(offsets, from);
        BinaryPrimitives.WriteInt64BigEndian(offsets[8..], through);
        hash.AppendData(offsets);
    }

    /// <summary>Reads exactly; what cannot be had is left as zeros.</summary>
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

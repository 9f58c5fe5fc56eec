using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using RevenueAspire.Api.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Ingest;

/// <summary>Why the reading of a batch ended.</summary>
internal enum BatchRead
{
    /// <summary>With the end of the body.</summary>
    Complete,

    /// <summary>Inflated, it is larger than a batch may be.</summary>
    TooLarge,

    /// <summary>The memory for batches is used up.</summary>
    NoMemory,

    /// <summary>The compressed data is damaged or cut off, or something else follows it.</summary>
    BadGzip,

    /// <summary>It did not arrive in time.</summary>
    TooSlow,
}

/// <summary>Reads a batch's body piece by piece: never the whole of it is in memory, and never more than the limit is inflated.</summary>
internal static class BatchBody
{
    private const int InflateBufferBytes = 64 << 10;

    private static readonly GzipEndMarker EndMarker = new();

    /// <summary>Without it the framework takes a cut-off gzip stream for a complete one, and half a batch would be acknowledged. Read once by the framework,
    /// before the first inflation.</summary>
    static BatchBody() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>Reads the request's body into lines.</summary>
    /// <param name="request">Its body has not been read.</param>
    /// <param name="gzip">Whether to inflate.</param>
    /// <param name="lines">Receives the bytes.</param>
    /// <param name="reservation">Grows with the body.</param>
    /// <param name="maxBytes">Limit of the inflated body.</param>
    /// <param name="timeout">Ends the reading as too slow.</param>
    /// <exception cref="BadHttpRequestException">The body is cut off or malformed.</exception>
    public static async Task<BatchRead> ReadAsync(
        HttpRequest request, bool gzip, BatchLines lines, BatchMemory.Reservation reservation, int maxBytes, CancellationToken timeout)
    {
        // A token passed to ReadAsync would leave the pipe in the middle of a read, and the server could not drain it. A disconnect ends the read without one.
        await using var registration = timeout.Register(static reader => ((PipeReader)reader!).CancelPendingRead(), request.BodyReader);
        return await (gzip ? InflateAsync(request, lines, reservation, maxBytes) : ReadPlainAsync(request, lines, reservation, maxBytes));
    }

    private static async Task<BatchRead> ReadPlainAsync(HttpRequest request, BatchLines lines, BatchMemory.Reservation reservation, int maxBytes)
    {
        while (true)
        {
            var read = await request.BodyReader.ReadAsync();

            // To parse a piece takes as long as many single events.
            await SocketThreads.MoveToPoolAsync();
            if (read.IsCanceled)
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return BatchRead.TooSlow;
            }

            if (Check(lines.Length + read.Buffer.Length, reservation, maxBytes) is { } end)
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return end;
            }

            try
            {
                foreach (var segment in read.Buffer)
                {
                    lines.Add(segment.Span);
                }
            }
            finally
            {
                // Also after a bug: the server cannot go on while a read is open.
                request.BodyReader.AdvanceTo(read.Buffer.End);
            }

            if (read.IsCompleted)
            {
                return BatchRead.Complete;
            }
        }
    }

    private static async Task<BatchRead> InflateAsync(HttpRequest request, BatchLines lines, BatchMemory.Reservation reservation, int maxBytes)
    {
        await using var inflated = new GZipStream(new PipeStream(request.BodyReader, EndMarker.Member), CompressionMode.Decompress);
        var buffer = ArrayPool<byte>.Shared.Rent(InflateBufferBytes);
        try
        {
            // The last bytes that came are held back until it is known whether they are the marker.
            int held = 0, count;
            while ((count = await inflated.ReadAsync(buffer.AsMemory(held))) > 0)
            {
                var have = held + count;
                var sure = Math.Max(0, have - EndMarker.Content.Length);
                if (Check(lines.Length + sure, reservation, maxBytes) is { } end)
                {
                    return end;
                }

                lines.Add(buffer.AsSpan(0, sure));
                held = have - sure;
                buffer.AsSpan(sure, held).CopyTo(buffer);
            }

            return buffer.AsSpan(0, held).SequenceEqual(EndMarker.Content) ? BatchRead.Complete : BatchRead.BadGzip;
        }
        catch (InvalidDataException)
        {
            return BatchRead.BadGzip;
        }
        catch (OperationCanceledException)
        {
            // The stream reports a cancelled read so.
            return BatchRead.TooSlow;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static BatchRead? Check(long length, BatchMemory.Reservation reservation, int maxBytes) =>
        length > maxBytes ? BatchRead.TooLarge : reservation.TryGrowTo(length) ? null : BatchRead.NoMemory;
}

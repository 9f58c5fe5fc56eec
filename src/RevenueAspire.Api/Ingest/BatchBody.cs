using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using RevenueAspire.Api.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Ingest;

/// <summary>The outcome of reading a batch.</summary>
internal enum BatchRead
{
    Complete,
    TooLarge,

    /// <summary>The memory for batches is exhausted.</summary>
    NoMemory,

    /// <summary>The compressed data is damaged or cut off, or has extra bytes at its end.</summary>
    BadGzip,
    TooSlow,
}

/// <summary>Reads a batch's body in pieces. The whole body is never in memory, and decompression stops at the limit.</summary>
internal static class BatchBody
{
    private const int InflateBufferBytes = 64 << 10;

    private static readonly GzipEndMarker EndMarker = new();

    /// <summary>Without this switch, the framework treats a cut-off gzip stream as complete, and the API would acknowledge half a batch. The framework reads
    /// the switch once, at the first decompression.</summary>
    static BatchBody() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>Reads the request's body into lines.</summary>
    /// <param name="timeout">Ends the read with <see cref="BatchRead.TooSlow"/>.</param>
    /// <exception cref="BadHttpRequestException">The body is cut off or malformed.</exception>
    public static async Task<BatchRead> ReadAsync(
        HttpRequest request, bool gzip, BatchLines lines, BatchMemory.Reservation reservation, int maxBytes, CancellationToken timeout)
    {
        // Do not pass this token to ReadAsync: a cancelled read stays open, and Kestrel could not drain the body. A disconnect ends the read even without a
        // token.
        await using var registration = timeout.Register(static reader => ((PipeReader)reader!).CancelPendingRead(), request.BodyReader);
        return await (gzip ? InflateAsync(request, lines, reservation, maxBytes) : ReadPlainAsync(request, lines, reservation, maxBytes));
    }

    private static async Task<BatchRead> ReadPlainAsync(HttpRequest request, BatchLines lines, BatchMemory.Reservation reservation, int maxBytes)
    {
        while (true)
        {
            var read = await request.BodyReader.ReadAsync();

            // Parsing a piece takes as long as many single events.
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
                // Complete the read even after an exception: Kestrel cannot continue while a read is open.
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
            // Hold back the last bytes until more data shows whether they are the end marker.
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
            // PipeStream reports a cancelled read with this exception.
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

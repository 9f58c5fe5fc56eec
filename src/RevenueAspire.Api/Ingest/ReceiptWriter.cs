using System.Buffers.Text;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Writes <c>{"receipt":"&lt;log&gt;:&lt;offset&gt;"}</c> directly into the response's memory, without a serializer.</summary>
internal static class ReceiptWriter
{
    private const int PrefixBytes = 12;
    private const int LogIdBytes = 32;
    private const int SuffixBytes = 2;

    /// <summary>Answers 202. The length is known before the first write, so headers and body share a buffer.</summary>
    public static Task WriteAsync(HttpResponse response, Receipt receipt)
    {
        var length = PrefixBytes + LogIdBytes + 1 + CountDigits(receipt.Offset) + SuffixBytes;
        response.StatusCode = StatusCodes.Status202Accepted;
        response.ContentType = ContentTypes.Json;
        response.ContentLength = length;
        var started = response.StartAsync();
        return started.IsCompletedSuccessfully ? WriteBody(response, receipt, length) : WriteBodyAsync(started, response, receipt, length);
    }

    private static async Task WriteBodyAsync(Task started, HttpResponse response, Receipt receipt, int length)
    {
        await started;
        await WriteBody(response, receipt, length);
    }

    private static Task WriteBody(HttpResponse response, Receipt receipt, int length)
    {
        var buffer = response.BodyWriter.GetSpan(length);
        "{\"receipt\":\""u8.CopyTo(buffer);
        Utf8Formatter.TryFormat(receipt.LogId, buffer[PrefixBytes..], out _, 'N');
        buffer[PrefixBytes + LogIdBytes] = (byte)':';
        Utf8Formatter.TryFormat(receipt.Offset, buffer[(PrefixBytes + LogIdBytes + 1)..], out _);
        "\"}"u8.CopyTo(buffer[(length - SuffixBytes)..]);
        response.BodyWriter.Advance(length);
        return Task.CompletedTask;
    }

    private static int CountDigits(long number)
    {
        var digits = 1;
        while ((number /= 10) > 0)
        {
            digits++;
        }

        return digits;
    }
}

using System.Buffers.Text;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Writes <c>{"receipt":"&lt;log&gt;:&lt;offset&gt;"}</c> into the response's own memory, without a serializer.</summary>
internal static class ReceiptWriter
{
    /// <summary>Prefix, 32 hex digits, colon, up to 20 digits, suffix.</summary>
    private const int MaxBytes = 72;

    public static void Write(HttpResponse response, Receipt receipt)
    {
        var buffer = response.BodyWriter.GetSpan(MaxBytes);
        "{\"receipt\":\""u8.CopyTo(buffer);
        var length = 12;
        Utf8Formatter.TryFormat(receipt.LogId, buffer[length..], out var written, 'N');
        length += written;
        buffer[length++] = (byte)':';
        Utf8Formatter.TryFormat(receipt.Offset, buffer[length..], out written);
        length += written;
        "\"}"u8.CopyTo(buffer[length..]);
        length += 2;

        response.StatusCode = StatusCodes.Status202Accepted;
        response.ContentType = ContentTypes.Json;
        response.ContentLength = length;
        response.BodyWriter.Advance(length);
    }
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RevenueAspire.EventLog;

/// <summary>The name of a caller: records carry it, and idempotency keys belong to it. Immutable and thread-safe.</summary>
/// <remarks>It is rendered once, so that a record with a name costs one copy more than a record without.</remarks>
public sealed class CallerName
{
    /// <summary>Bytes of the name in a record at most, with its quotes and escapes.</summary>
    private const int MaxRenderedBytes = 256;

    /// <param name="name">Any text. If its JSON form is longer than 256 bytes, <c>sha256-</c> and the hash of its UTF-8 (64 hex digits) replace it.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public CallerName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var utf8 = Encoding.UTF8.GetBytes(name);
        var rendered = JsonEncodedText.Encode(utf8, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        if (rendered.EncodedUtf8Bytes.Length + 2 > MaxRenderedBytes)
        {
            utf8 = Encoding.ASCII.GetBytes("sha256-" + Convert.ToHexStringLower(SHA256.HashData(utf8)));
            rendered = JsonEncodedText.Encode(utf8);
        }

        Text = Encoding.UTF8.GetString(utf8);
        Utf8 = utf8;
        Field = [.. ",\"caller\":\""u8, .. rendered.EncodedUtf8Bytes, (byte)'"'];
    }

    /// <summary>The name as records carry it.</summary>
    public string Text { get; }

    /// <summary>The same in UTF-8.</summary>
    internal byte[] Utf8 { get; }

    /// <summary>The field of a record, with the comma before it.</summary>
    internal byte[] Field { get; }
}

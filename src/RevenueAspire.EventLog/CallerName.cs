using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RevenueAspire.EventLog;

/// <summary>The name of a caller. Records contain it, and idempotency keys belong to it. Immutable and thread-safe.</summary>
/// <remarks>The name is rendered once, so a record costs only one more copy of bytes.</remarks>
public sealed class CallerName
{
    /// <summary>Maximum bytes of the rendered name in a record, with quotes and escapes.</summary>
    private const int MaxRenderedBytes = 256;

    /// <param name="name">Any text. If its JSON form is longer than 256 bytes, it is replaced by <c>sha256-</c> and the hash of its UTF-8 (64 hex
    /// digits).</param>
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

    /// <summary>The name as text, in the form that records contain.</summary>
    public string Text { get; }

    /// <summary><see cref="Text"/> in UTF-8.</summary>
    internal byte[] Utf8 { get; }

    /// <summary>The rendered field of a record, including the comma before it.</summary>
    internal byte[] Field { get; }
}

using System.Globalization;
using System.Text;

namespace RevenueAspire.Events;

/// <summary>Special properties of the text of an unescaped JSON string.</summary>
[Flags]
internal enum TextTraits
{
    None = 0,
    LoneSurrogate = 1,
    Nul = 2,

    /// <summary>The text does not fit into the target. Do not use the written part.</summary>
    TooLong = 4,
}

/// <summary>Unescapes JSON strings (RFC 8259, section 7). Does not allocate, and does not throw on lone surrogates.</summary>
internal static class JsonStrings
{
    /// <summary>Unescapes the content of a string that a JSON reader has accepted and that is valid UTF-8.</summary>
    /// <param name="raw">The bytes between the quotes.</param>
    /// <param name="target">Receives the text.</param>
    /// <param name="written">Bytes written to <paramref name="target"/>; meaningless if the result has TooLong or LoneSurrogate.</param>
    internal static TextTraits Unescape(ReadOnlySpan<byte> raw, Span<byte> target, out int written)
    {
        var traits = TextTraits.None;
        written = 0;
        Span<byte> utf8 = stackalloc byte[4];
        while (true)
        {
            // Scan to the end even if the text no longer fits, so that the reported reason does not depend on the position of a fault.
            var plain = raw.IndexOf((byte)'\\');
            traits |= Append(plain < 0 ? raw : raw[..plain], target, ref written);
            if (plain < 0)
            {
                return traits;
            }

            raw = raw[plain..];
            var length = 1;
            if (raw[1] != 'u')
            {
                utf8[0] = raw[1] switch
                {
                    (byte)'b' => (byte)'\b',
                    (byte)'f' => (byte)'\f',
                    (byte)'n' => (byte)'\n',
                    (byte)'r' => (byte)'\r',
                    (byte)'t' => (byte)'\t',
                    var same => same,
                };
                raw = raw[2..];
            }
            else if (TryReadScalar(ref raw, out var scalar))
            {
                traits |= scalar.Value == 0 ? TextTraits.Nul : TextTraits.None;
                length = scalar.EncodeToUtf8(utf8);
            }
            else
            {
                traits |= TextTraits.LoneSurrogate;
                length = 0;
            }

            traits |= Append(utf8[..length], target, ref written);
        }
    }

    /// <summary>Whether the content of an accepted string, once unescaped, equals the given text.</summary>
    internal static bool TextEquals(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> text)
    {
        if (!raw.Contains((byte)'\\'))
        {
            return raw.SequenceEqual(text);
        }

        Span<byte> unescaped = stackalloc byte[text.Length];
        return Unescape(raw, unescaped, out var written) == TextTraits.None && unescaped[..written].SequenceEqual(text);
    }

    /// <summary>Reads one <c>\uXXXX</c>, or a pair of them. False for half a pair, which is consumed alone.</summary>
    private static bool TryReadScalar(ref ReadOnlySpan<byte> raw, out Rune scalar)
    {
        var first = ReadHex(raw);
        raw = raw[6..];
        if (char.IsHighSurrogate(first) && raw.StartsWith("\\u"u8))
        {
            var second = ReadHex(raw);
            if (Rune.TryCreate(first, second, out scalar))
            {
                raw = raw[6..];
                return true;
            }
        }

        return Rune.TryCreate(first, out scalar);
    }

    private static char ReadHex(ReadOnlySpan<byte> escape) =>
        (char)ushort.Parse(escape.Slice(2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static TextTraits Append(ReadOnlySpan<byte> text, Span<byte> target, ref int written)
    {
        if (!text.TryCopyTo(target[written..]))
        {
            // Mark the target as full. Otherwise a later, shorter part might still fit.
            written = target.Length;
            return TextTraits.TooLong;
        }

        written += text.Length;
        return TextTraits.None;
    }
}

using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace RevenueAspire.Events;

/// <summary>Consumes the simplest forms of JSON tokens at the beginning of a text. Methods return false if the text is not plain; a part of it may then be
/// consumed.</summary>
internal static class PlainText
{
    /// <summary>Every number with this many digits fits in 64 bits.</summary>
    private const int MaxDigits = 18;

    /// <summary>End of a plain string in any language: its quote, or the first byte that is not plain.</summary>
    private static readonly SearchValues<byte> QuoteEscapeOrControl =
        SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(control => (byte)control)]);

    /// <summary>Consumes exactly these bytes. If they are a literal, the comparison compiles to a few loads of 8 or 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryTake(scoped ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> expected)
    {
        if (!text.StartsWith(expected))
        {
            return false;
        }

        text = text[expected.Length..];
        return true;
    }

    /// <summary>Bytes before the first quote, backslash, control character or non-ASCII byte; all bytes if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Length(ReadOnlySpan<byte> text)
    {
        var at = 0;
        for (; text.Length - at >= Vector128<byte>.Count; at += Vector128<byte>.Count)
        {
            // Control characters are less than a space, and non-ASCII bytes are negative as signed numbers, so one comparison finds both.
            var bytes = Vector128.Create(text.Slice(at, Vector128<byte>.Count));
            var stops = Vector128.Equals(bytes, Vector128.Create((byte)'"'))
                | Vector128.Equals(bytes, Vector128.Create((byte)'\\'))
                | Vector128.LessThan(bytes.AsSByte(), Vector128.Create((sbyte)' ')).AsByte();
            if (stops != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(stops.ExtractMostSignificantBits());
            }
        }

        for (; at < text.Length; at++)
        {
            if (text[at] is (byte)'"' or (byte)'\\' or < 0x20 or >= 0x80)
            {
                break;
            }
        }

        return at;
    }

    /// <summary>Bytes before the first quote, backslash or control character; 0 if they are not valid UTF-8.</summary>
    internal static int LengthInUtf8(ReadOnlySpan<byte> text)
    {
        var length = text.IndexOfAny(QuoteEscapeOrControl);
        return length > 0 && Utf8.IsValid(text[..length]) ? length : 0;
    }

    /// <summary>Consumes an ASCII string without escapes.</summary>
    internal static bool TryTakeString(scoped ref ReadOnlySpan<byte> text, out ReadOnlySpan<byte> inside)
    {
        inside = default;
        if (!TryTake(ref text, "\""u8))
        {
            return false;
        }

        inside = text[..Length(text)];
        text = text[inside.Length..];
        return TryTake(ref text, "\""u8);
    }

    /// <summary>Consumes an integer of at most 18 digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryTakeInteger(scoped ref ReadOnlySpan<byte> text, out long value)
    {
        var isNegative = text.Length > 0 && text[0] == '-';
        var digits = isNegative ? text[1..] : text;
        var count = 0;
        value = 0;
        while (count < digits.Length && count <= MaxDigits && (uint)(digits[count] - '0') <= 9)
        {
            value = (value * 10) + (digits[count] - '0');
            count++;
        }

        if (count is 0 or > MaxDigits || (digits[0] == '0' && count > 1))
        {
            return false;
        }

        value = isNegative ? -value : value;
        text = digits[count..];
        return true;
    }

    /// <summary>Skips leading white space as JSON defines it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ReadOnlySpan<byte> SkipWhiteSpace(ReadOnlySpan<byte> text)
    {
        var at = 0;
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            at++;
        }

        return text[at..];
    }
}

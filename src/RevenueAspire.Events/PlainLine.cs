using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace RevenueAspire.Events;

/// <summary>The fast path: accepts the lines that programs write, and leaves every other line, valid or not, to <see cref="GeneralLine"/>.</summary>
/// <remarks>Plain is: <c>userId</c>, <c>name</c>, <c>value</c> in this order, without escapes, with no white space or with single spaces where JSON writers
/// put them, then maybe further fields whose names and values are ASCII strings without escapes, or short integers. It never rejects: it accepts, or does not know.</remarks>
internal static class PlainLine
{
    /// <summary>Any number of so many digits fits in 64 bits.</summary>
    private const int MaxPlainDigits = 18;

    /// <summary>What ends a string that may hold any UTF-8: its quote, or a byte that is not plain.</summary>
    private static readonly SearchValues<byte> QuoteEscapeOrControl =
        SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(control => (byte)control)]);

    /// <summary>Parses a plain line.</summary>
    /// <param name="line">The line, as the parser got it.</param>
    /// <param name="types">The known names.</param>
    /// <param name="parsed">The event; its user id is a part of the line.</param>
    /// <param name="compactLength">Where the closing brace stands when everything before it is already the compact form, else 0.</param>
    /// <returns>False when the line is not plain, which says nothing about whether it is valid.</returns>
    internal static bool TryParse(ReadOnlySpan<byte> line, EventTypes types, out ParsedEvent parsed, out int compactLength)
    {
        parsed = default;
        compactLength = 0;
        var text = line;
        if (!(TryTake(ref text, "{\"userId\":\""u8) || TryTake(ref text, "{ \"userId\": \""u8) || TryTake(ref text, "{\"userId\": \""u8))
            || !TryTakeUserId(ref text, out var userId)
            || !(TryTake(ref text, "\",\"name\":\""u8) || TryTake(ref text, "\", \"name\": \""u8)))
        {
            return false;
        }

        var nameLength = PlainTextLength(text);
        if (!types.TryGetSign(text[..nameLength], out var sign))
        {
            return false;
        }

        text = text[nameLength..];
        if (!(TryTake(ref text, "\",\"value\":"u8) || TryTake(ref text, "\", \"value\": "u8)) || !TryTakeInteger(ref text, out var value))
        {
            return false;
        }

        var end = line.Length - text.Length;
        if (!IsEnd(text))
        {
            if (!TryTakeOtherFields(ref text) || !IsEnd(text))
            {
                return false;
            }
        }
        else if (text[0] == '}' && !line[..end].Contains((byte)' '))
        {
            compactLength = end;
        }

        parsed = new ParsedEvent { UserId = userId, Value = value, Sign = sign };
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryTake(scoped ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> expected)
    {
        if (!text.StartsWith(expected))
        {
            return false;
        }

        text = text[expected.Length..];
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryTakeUserId(scoped ref ReadOnlySpan<byte> text, out ReadOnlySpan<byte> userId)
    {
        userId = default;
        var length = PlainTextLength(text);
        if (length < text.Length && text[length] >= 0x80)
        {
            length = text.IndexOfAny(QuoteEscapeOrControl);
            if (length < 0 || !Utf8.IsValid(text[..length]))
            {
                return false;
            }
        }

        if (length is 0 or > EventParser.MaxUserIdBytes)
        {
            return false;
        }

        userId = text[..length];
        text = text[length..];
        return true;
    }

    /// <summary>Bytes before the first quote, backslash, control character or non-ASCII byte; all of them when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int PlainTextLength(ReadOnlySpan<byte> text)
    {
        var at = 0;
        for (; text.Length - at >= Vector128<byte>.Count; at += Vector128<byte>.Count)
        {
            // Control characters are less than a space, and non-ASCII bytes are negative as signed numbers: one comparison finds both.
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

    /// <summary>Takes a JSON integer of at most 18 digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryTakeInteger(scoped ref ReadOnlySpan<byte> text, out long value)
    {
        var isNegative = text.Length > 0 && text[0] == '-';
        var digits = isNegative ? text[1..] : text;
        var count = 0;
        value = 0;
        while (count < digits.Length && count <= MaxPlainDigits && (uint)(digits[count] - '0') <= 9)
        {
            value = (value * 10) + (digits[count] - '0');
            count++;
        }

        if (count is 0 or > MaxPlainDigits || (digits[0] == '0' && count > 1))
        {
            return false;
        }

        value = isNegative ? -value : value;
        text = digits[count..];
        return true;
    }

    /// <summary>Takes <c>,"name":"text"</c> and <c>,"name":integer</c>, any number of times: a record as the server writes it.</summary>
    private static bool TryTakeOtherFields(scoped ref ReadOnlySpan<byte> text)
    {
        while (TryTake(ref text, ",\""u8))
        {
            var length = PlainTextLength(text);
            var name = text[..length];
            text = text[length..];

            // A second userId, name or value is for the general path to reject.
            if (name.SequenceEqual("userId"u8) || name.SequenceEqual("name"u8) || name.SequenceEqual("value"u8) || !TryTake(ref text, "\":"u8))
            {
                return false;
            }

            if (TryTake(ref text, "\""u8))
            {
                text = text[PlainTextLength(text)..];
                if (!TryTake(ref text, "\""u8))
                {
                    return false;
                }
            }
            else if (!TryTakeInteger(ref text, out _))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the object ends here, and the line with it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsEnd(ReadOnlySpan<byte> text)
    {
        if (!TryTake(ref text, "}"u8) && !TryTake(ref text, " }"u8))
        {
            return false;
        }

        return text.IsEmpty || EventParser.TrimWhiteSpace(text).IsEmpty;
    }
}

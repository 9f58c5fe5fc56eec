using System.Buffers;

namespace RevenueAspire.Events;

/// <summary>Checks that a text is one JSON value (RFC 8259) of limited depth, without throwing an exception.</summary>
/// <remarks><see cref="System.Text.Json.Utf8JsonReader"/> reports faults only by exceptions, which cost microseconds and memory. An invalid body would occupy a
/// core a hundred times longer than a valid one.</remarks>
internal static class JsonGrammar
{
    private static readonly SearchValues<byte> StringStops =
        SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(control => (byte)control)]);

    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    /// <summary>Returns None or the first fault, InvalidJson or TooDeep. The text must be valid UTF-8.</summary>
    internal static RejectReason Check(ReadOnlySpan<byte> text)
    {
        // One bit per nesting level: 1 for an object, 0 for an array. The lowest bit is the innermost level.
        var objects = 0UL;
        var depth = 0;
        while (true)
        {
            text = PlainText.SkipWhiteSpace(text);
            if (text.IsEmpty)
            {
                return RejectReason.InvalidJson;
            }

            var first = text[0];
            if (first is (byte)'{' or (byte)'[')
            {
                if (depth == EventParser.MaxDepth)
                {
                    return RejectReason.TooDeep;
                }

                depth++;
                objects = (objects << 1) | (first == '{' ? 1UL : 0UL);
                text = PlainText.SkipWhiteSpace(text[1..]);
                if (text.IsEmpty || text[0] != (first == '{' ? '}' : ']'))
                {
                    if (first == '{' && !TryTakeName(ref text))
                    {
                        return RejectReason.InvalidJson;
                    }

                    continue;
                }

                // The loop below consumes the closing bracket of an empty container, like any other.
            }
            else if (!(first == '"' ? TryTakeString(ref text)
                : first is (byte)'-' or (>= (byte)'0' and <= (byte)'9') ? TryTakeNumber(ref text)
                : TryTakeLiteral(ref text)))
            {
                return RejectReason.InvalidJson;
            }

            // After a value: closing brackets, then a comma or the end.
            while (true)
            {
                text = PlainText.SkipWhiteSpace(text);
                if (depth == 0)
                {
                    return text.IsEmpty ? RejectReason.None : RejectReason.InvalidJson;
                }

                var isObject = (objects & 1) != 0;
                if (text.IsEmpty || text[0] != (isObject ? '}' : ']'))
                {
                    if (!PlainText.TryTake(ref text, ","u8) || (isObject && !TryTakeName(ref text)))
                    {
                        return RejectReason.InvalidJson;
                    }

                    break;
                }

                text = text[1..];
                objects >>= 1;
                depth--;
            }
        }
    }

    /// <summary>Consumes a field's name and its colon.</summary>
    private static bool TryTakeName(ref ReadOnlySpan<byte> text)
    {
        text = PlainText.SkipWhiteSpace(text);
        if (text.IsEmpty || text[0] != '"' || !TryTakeString(ref text))
        {
            return false;
        }

        text = PlainText.SkipWhiteSpace(text);
        return PlainText.TryTake(ref text, ":"u8);
    }

    /// <summary>Consumes a string that begins at the first byte.</summary>
    private static bool TryTakeString(ref ReadOnlySpan<byte> text)
    {
        text = text[1..];
        while (true)
        {
            var plain = text.IndexOfAny(StringStops);
            if (plain < 0)
            {
                return false;
            }

            text = text[plain..];
            if (text[0] == '"')
            {
                text = text[1..];
                return true;
            }

            // A control character, which is invalid, or an escape of two bytes, or six for \uXXXX.
            if (text[0] != '\\' || text.Length < 2)
            {
                return false;
            }

            if (text[1] != 'u')
            {
                if (!"\"\\/bfnrt"u8.Contains(text[1]))
                {
                    return false;
                }

                text = text[2..];
            }
            else
            {
                if (text.Length < 6 || text.Slice(2, 4).ContainsAnyExcept(HexDigits))
                {
                    return false;
                }

                text = text[6..];
            }
        }
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> text)
    {
        PlainText.TryTake(ref text, "-"u8);
        if (!PlainText.TryTake(ref text, "0"u8) && !TryTakeDigits(ref text))
        {
            return false;
        }

        if (PlainText.TryTake(ref text, "."u8) && !TryTakeDigits(ref text))
        {
            return false;
        }

        if (!PlainText.TryTake(ref text, "e"u8) && !PlainText.TryTake(ref text, "E"u8))
        {
            return true;
        }

        _ = PlainText.TryTake(ref text, "+"u8) || PlainText.TryTake(ref text, "-"u8);
        return TryTakeDigits(ref text);
    }

    private static bool TryTakeDigits(ref ReadOnlySpan<byte> text)
    {
        var count = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        count = count < 0 ? text.Length : count;
        text = text[count..];
        return count > 0;
    }

    private static bool TryTakeLiteral(ref ReadOnlySpan<byte> text) =>
        PlainText.TryTake(ref text, "true"u8) || PlainText.TryTake(ref text, "false"u8) || PlainText.TryTake(ref text, "null"u8);
}

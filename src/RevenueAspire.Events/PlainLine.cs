using System.Runtime.CompilerServices;

namespace RevenueAspire.Events;

/// <summary>The fast path: accepts the lines that programs write, and leaves every other line, valid or not, to <see cref="GeneralLine"/>.</summary>
/// <remarks>It never rejects a line. The template has <c>userId</c>, <c>name</c> and <c>value</c> in this order, compact or with the usual single spaces. It is
/// compared in steps of at least eight bytes. If a line differs from the template, its fields are read one by one from there, in any order and with any white
/// space. Their names and values must be strings without escapes, short integers, or literals.</remarks>
internal static class PlainLine
{
    private const int HasUserId = 1;
    private const int HasName = 2;
    private const int HasValue = 4;
    private const int HasAll = HasUserId | HasName | HasValue;

    /// <summary>Parses a plain line.</summary>
    /// <param name="line">The line as passed to the parser.</param>
    /// <param name="types">The known names.</param>
    /// <param name="parsed">The event; its user id is a part of the line.</param>
    /// <param name="template">The variable parts, if the whole line matches the template, else default.</param>
    /// <returns>False if the line is not plain; it may be valid or invalid.</returns>
    internal static bool TryParse(ReadOnlySpan<byte> line, EventTypes types, out ParsedEvent parsed, out TemplateParts template)
    {
        var text = line;
        if ((PlainText.TryTake(ref text, "{\"userId\":\""u8)
                || PlainText.TryTake(ref text, "{ \"userId\": \""u8)
                || PlainText.TryTake(ref text, "{\"userId\": \""u8))
            && TryTakeUserId(ref text, out var userId)
            && (PlainText.TryTake(ref text, "\",\"name\":\""u8) || PlainText.TryTake(ref text, "\", \"name\": \""u8)))
        {
            var name = text[..PlainText.Length(text)];
            text = text[name.Length..];
            if (types.TryGet(name, out var type, out var sign)
                && (PlainText.TryTake(ref text, "\",\"value\":"u8) || PlainText.TryTake(ref text, "\", \"value\": "u8)))
            {
                var beforeValue = text;
                if (PlainText.TryTakeInteger(ref text, out var value))
                {
                    if (IsEnd(text))
                    {
                        parsed = new ParsedEvent { UserId = userId, Value = value, Type = type, Sign = sign };
                        template = new TemplateParts(userId, name, beforeValue[..^text.Length]);
                        return true;
                    }

                    template = default;
                    var others = new Fields { Seen = HasAll, UserId = userId, Type = type, Sign = sign, Value = value };
                    return PlainText.TryTake(ref text, ","u8) ? TryTakeFields(text, types, others, out parsed) : Unknown(out parsed);
                }
            }
        }

        template = default;
        text = line;
        return PlainText.TryTake(ref text, "{"u8) ? TryTakeFields(text, types, default, out parsed) : Unknown(out parsed);
    }

    /// <summary>Takes the first line of a text, if it matches the compact template and ends in a newline.</summary>
    /// <returns>Length of the line with its newline; 0 if the text does not begin with a matching line.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int TakeTemplateLine(ReadOnlySpan<byte> lines, EventTypes types, out int userIdLength, out long delta)
    {
        if (lines.Length >= ShortLine.LookedAt && ShortLine.Take(lines, types.ShortNames, out userIdLength, out delta) is > 0 and var taken)
        {
            return taken;
        }

        return TakeAnyTemplateLine(lines, types, out userIdLength, out delta);
    }

    private static int TakeAnyTemplateLine(ReadOnlySpan<byte> lines, EventTypes types, out int userIdLength, out long delta)
    {
        userIdLength = 0;
        delta = 0;
        var text = lines;
        if (!PlainText.TryTake(ref text, "{\"userId\":\""u8))
        {
            return 0;
        }

        var length = PlainText.Length(text);
        if (length is 0 or > EventParser.MaxUserIdBytes)
        {
            return 0;
        }

        text = text[length..];
        if (!PlainText.TryTake(ref text, "\",\"name\":\""u8))
        {
            return 0;
        }

        // The search for the name's end stops at the end of the line, because a newline is a control character.
        var name = text[..PlainText.Length(text)];
        text = text[name.Length..];
        if (!types.TryGetSign(name, out var sign) || !PlainText.TryTake(ref text, "\",\"value\":"u8) || !PlainText.TryTakeInteger(ref text, out var value)
            || !PlainText.TryTake(ref text, "}\n"u8))
        {
            return 0;
        }

        userIdLength = length;
        delta = sign < 0 ? -value : value;
        return lines.Length - text.Length;
    }

    private static bool Unknown(out ParsedEvent parsed)
    {
        parsed = default;
        return false;
    }

    /// <summary>Reads the fields, from the name of the first one to the end of the line.</summary>
    private static bool TryTakeFields(ReadOnlySpan<byte> text, EventTypes types, Fields fields, out ParsedEvent parsed)
    {
        parsed = default;
        do
        {
            text = PlainText.SkipWhiteSpace(text);
            if (!PlainText.TryTakeString(ref text, out var name))
            {
                return false;
            }

            text = PlainText.SkipWhiteSpace(text);
            if (!PlainText.TryTake(ref text, ":"u8))
            {
                return false;
            }

            text = PlainText.SkipWhiteSpace(text);
            if (!TryTakeValue(ref text, name, types, ref fields))
            {
                return false;
            }

            text = PlainText.SkipWhiteSpace(text);
        }
        while (PlainText.TryTake(ref text, ","u8));

        if (fields.Seen != HasAll || !IsEnd(text))
        {
            return false;
        }

        parsed = new ParsedEvent { UserId = fields.UserId, Value = fields.Value, Type = fields.Type, Sign = fields.Sign };
        return true;
    }

    /// <summary>Takes a field's value. Leaves a line with a second <c>userId</c>, <c>name</c> or <c>value</c> to the general path, which rejects it.</summary>
    private static bool TryTakeValue(scoped ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> name, EventTypes types, scoped ref Fields fields)
    {
        var seen = 0;
        if (name.SequenceEqual("userId"u8))
        {
            seen = HasUserId;
            if (!PlainText.TryTake(ref text, "\""u8) || !TryTakeUserId(ref text, out fields.UserId) || !PlainText.TryTake(ref text, "\""u8))
            {
                return false;
            }
        }
        else if (name.SequenceEqual("name"u8))
        {
            seen = HasName;
            if (!PlainText.TryTakeString(ref text, out var type) || !types.TryGet(type, out fields.Type, out fields.Sign))
            {
                return false;
            }
        }
        else if (name.SequenceEqual("value"u8))
        {
            seen = HasValue;
            if (!PlainText.TryTakeInteger(ref text, out fields.Value))
            {
                return false;
            }
        }
        else if (!PlainText.TryTakeString(ref text, out _) && !PlainText.TryTakeInteger(ref text, out _)
            && !PlainText.TryTake(ref text, "null"u8) && !PlainText.TryTake(ref text, "true"u8) && !PlainText.TryTake(ref text, "false"u8))
        {
            return false;
        }

        var isNew = (fields.Seen & seen) == 0;
        fields.Seen |= seen;
        return isNew;
    }

    /// <summary>Takes the content of a string that may be a user id: text in any language, without escapes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryTakeUserId(scoped ref ReadOnlySpan<byte> text, out ReadOnlySpan<byte> userId)
    {
        var length = PlainText.Length(text);
        if (length < text.Length && text[length] >= 0x80)
        {
            length = PlainText.LengthInUtf8(text);
        }

        userId = text[..length];
        text = text[length..];
        return length is > 0 and <= EventParser.MaxUserIdBytes;
    }

    /// <summary>Whether the object and the line end here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsEnd(ReadOnlySpan<byte> text) =>
        (PlainText.TryTake(ref text, "}"u8) || PlainText.TryTake(ref text, " }"u8)) && (text.IsEmpty || PlainText.SkipWhiteSpace(text).IsEmpty);

    /// <summary>The variable parts of a line that matches the template. All else in its record is constant.</summary>
    internal readonly ref struct TemplateParts(ReadOnlySpan<byte> userId, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        public ReadOnlySpan<byte> UserId { get; } = userId;

        public ReadOnlySpan<byte> Name { get; } = name;

        /// <summary>The integer as text.</summary>
        public ReadOnlySpan<byte> Value { get; } = value;

        /// <summary>Whether this is not the default. A user id is never empty.</summary>
        public bool IsPresent => !UserId.IsEmpty;
    }

    private ref struct Fields
    {
        public int Seen;
        public ReadOnlySpan<byte> UserId;
        public int Type;
        public int Sign;
        public long Value;
    }
}

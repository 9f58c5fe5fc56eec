using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace RevenueAspire.Events;

/// <summary>The general path, for any JSON, through <see cref="Utf8JsonReader"/>. It defines the result; <see cref="PlainLine"/> only computes it
/// faster.</summary>
/// <remarks>
/// <para><see cref="JsonGrammar"/> checks the line before the reader, so that an invalid line causes no exception.</para>
/// <para>If a line has several faults, a fixed order determines its reason. First UTF-8, then the first fault of grammar or depth, then object, then
/// <c>userId</c>, <c>name</c>, <c>value</c>. Within a field: duplicate, missing, kind, content. Fields are checked only in a complete JSON value, because a
/// cut-off line may lack fields only for that reason.</para>
/// </remarks>
internal static class GeneralLine
{
    private static readonly JsonReaderOptions Strict = new()
    {
        AllowTrailingCommas = false,
        CommentHandling = JsonCommentHandling.Disallow,
        MaxDepth = EventParser.MaxDepth,
    };

    /// <summary>Parses a non-blank line, without byte order mark and surrounding white space.</summary>
    /// <param name="text">The line.</param>
    /// <param name="types">The accepted event types.</param>
    /// <param name="scratch">At least <see cref="EventParser.MaxUserIdBytes"/> and <see cref="EventTypes.MaxNameBytes"/> bytes. Afterwards, contains the
    /// unescaped user id.</param>
    /// <param name="parsed">The event, or the reason.</param>
    internal static ParseOutcome Parse(ReadOnlySpan<byte> text, EventTypes types, Span<byte> scratch, out ParsedEvent parsed)
    {
        var fields = default(KnownFields);
        var reason = Utf8.IsValid(text) ? Read(text, ref fields) : RejectReason.InvalidUtf8;
        ReadOnlySpan<byte> userId = default;
        var (type, sign, value) = (0, 0, 0L);
        if (reason == RejectReason.None)
        {
            // Read the name first, because the user id must stay in the scratch memory. The user id's reason still takes precedence.
            var nameReason = ReadName(fields.Name, types, scratch, out type, out sign);
            reason = ReadUserId(fields.UserId, scratch, out userId);
            reason = reason != RejectReason.None ? reason : nameReason;
            reason = reason != RejectReason.None ? reason : ReadValue(fields.Value, out value);
        }

        parsed = reason == RejectReason.None
            ? new ParsedEvent { UserId = userId, Value = value, Type = type, Sign = sign }
            : new ParsedEvent { Reason = reason };
        return reason == RejectReason.None ? ParseOutcome.Event : ParseOutcome.Rejected;
    }

    private static RejectReason Read(ReadOnlySpan<byte> text, ref KnownFields fields)
    {
        var fault = JsonGrammar.Check(text);
        if (fault != RejectReason.None || text[0] != '{')
        {
            return fault != RejectReason.None ? fault : RejectReason.NotAnObject;
        }

        var reader = new Utf8JsonReader(text, Strict);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
                {
                    ReadField(ref reader, ref fields);
                }
            }
        }
        catch (JsonException)
        {
            // Not expected after the grammar check. If check and reader ever disagree, a line counts only if both accept it.
            return RejectReason.InvalidJson;
        }

        return RejectReason.None;
    }

    private static void ReadField(ref Utf8JsonReader reader, ref KnownFields fields)
    {
        var name = reader.ValueSpan;
        if (JsonStrings.TextEquals(name, "userId"u8))
        {
            fields.UserId.Read(ref reader);
        }
        else if (JsonStrings.TextEquals(name, "name"u8))
        {
            fields.Name.Read(ref reader);
        }
        else if (JsonStrings.TextEquals(name, "value"u8))
        {
            fields.Value.Read(ref reader);
        }
    }

    private static RejectReason ReadUserId(Field field, Span<byte> scratch, out ReadOnlySpan<byte> userId)
    {
        userId = default;
        if (field.Count != 1)
        {
            return field.Count == 0 ? RejectReason.UserIdMissing : RejectReason.UserIdDuplicate;
        }

        if (field.Kind != JsonTokenType.String)
        {
            return RejectReason.UserIdNotAString;
        }

        userId = field.Raw;
        var traits = userId.Length > EventParser.MaxUserIdBytes ? TextTraits.TooLong : TextTraits.None;
        if (field.IsEscaped)
        {
            traits = JsonStrings.Unescape(field.Raw, scratch[..EventParser.MaxUserIdBytes], out var written);
            userId = scratch[..written];
        }

        return traits switch
        {
            _ when (traits & TextTraits.LoneSurrogate) != 0 => RejectReason.UserIdHasLoneSurrogate,
            _ when (traits & TextTraits.Nul) != 0 => RejectReason.UserIdHasNul,
            _ when (traits & TextTraits.TooLong) != 0 => RejectReason.UserIdTooLong,
            _ => userId.IsEmpty ? RejectReason.UserIdEmpty : RejectReason.None,
        };
    }

    private static RejectReason ReadName(Field field, EventTypes types, Span<byte> scratch, out int type, out int sign)
    {
        (type, sign) = (0, 0);
        if (field.Count != 1)
        {
            return field.Count == 0 ? RejectReason.NameMissing : RejectReason.NameDuplicate;
        }

        if (field.Kind != JsonTokenType.String)
        {
            return RejectReason.NameNotAString;
        }

        var name = field.Raw;
        if (field.IsEscaped)
        {
            var traits = JsonStrings.Unescape(field.Raw, scratch[..EventTypes.MaxNameBytes], out var written);
            if ((traits & (TextTraits.LoneSurrogate | TextTraits.TooLong)) != 0)
            {
                return RejectReason.NameUnknown;
            }

            name = scratch[..written];
        }

        return types.TryGet(name, out type, out sign) ? RejectReason.None : RejectReason.NameUnknown;
    }

    private static RejectReason ReadValue(Field field, out long value)
    {
        value = 0;
        if (field.Count != 1)
        {
            return field.Count == 0 ? RejectReason.ValueMissing : RejectReason.ValueDuplicate;
        }

        // The grammar was checked before. So a number without these characters is an integer, regardless of its length.
        if (field.Kind != JsonTokenType.Number || field.Raw.ContainsAny(".eE"u8))
        {
            return RejectReason.ValueNotAnInteger;
        }

        return Utf8Parser.TryParse(field.Raw, out value, out _) ? RejectReason.None : RejectReason.ValueOutOfRange;
    }

    private ref struct KnownFields
    {
        public Field UserId;
        public Field Name;
        public Field Value;
    }

    /// <summary>A known field as found in the line.</summary>
    private ref struct Field
    {
        public int Count;
        public JsonTokenType Kind;
        public bool IsEscaped;
        public ReadOnlySpan<byte> Raw;

        /// <summary>Moves the reader to the field's value. If the value is an object or array, the caller's loop reads its content.</summary>
        public void Read(ref Utf8JsonReader reader)
        {
            reader.Read();
            Count++;
            Kind = reader.TokenType;
            IsEscaped = reader.ValueIsEscaped;
            Raw = reader.ValueSpan;
        }
    }
}

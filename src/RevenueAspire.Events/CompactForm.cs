using System.Buffers;

namespace RevenueAspire.Events;

/// <summary>Writes the compact form of a valid event, which omits white space between tokens, top-level server fields and the closing brace.</summary>
internal static class CompactForm
{
    /// <summary>Total bytes of the template's fixed parts.</summary>
    private const int TemplateBytes = 11 + 10 + 10;

    private static readonly SearchValues<byte> QuoteOrEscape = SearchValues.Create("\"\\"u8);

    /// <summary>Writes a line that matches the template, with or without its spaces.</summary>
    internal static void Write(PlainLine.TemplateParts template, IBufferWriter<byte> compact)
    {
        var rest = compact.GetSpan(TemplateBytes + template.UserId.Length + template.Name.Length + template.Value.Length);
        Put("{\"userId\":\""u8, ref rest);
        Put(template.UserId, ref rest);
        Put("\",\"name\":\""u8, ref rest);
        Put(template.Name, ref rest);
        Put("\",\"value\":"u8, ref rest);
        Put(template.Value, ref rest);
        compact.Advance(TemplateBytes + template.UserId.Length + template.Name.Length + template.Value.Length);
    }

    /// <summary>Writes the compact form of any valid event.</summary>
    /// <param name="text">A JSON object that the parser has accepted, without surrounding white space. It is not validated again.</param>
    /// <param name="compact">Must have room for as many bytes as <paramref name="text"/> has.</param>
    internal static void Write(ReadOnlySpan<byte> text, IBufferWriter<byte> compact)
    {
        var target = compact.GetSpan(text.Length);
        target[0] = (byte)'{';
        var written = 1;
        var at = SkipWhiteSpace(text, 1);
        while (text[at] != '}')
        {
            // Write each field with the comma before it, and remove it again if it is a server field.
            var start = written;
            if (written > 1)
            {
                target[written++] = (byte)',';
            }

            var name = text[(at + 1)..(StringEnd(text, at) - 1)];
            CopyField(text, ref at, target, ref written);
            if (ServerFields.Contains(name))
            {
                written = start;
            }

            if (text[at] == ',')
            {
                at = SkipWhiteSpace(text, at + 1);
            }
        }

        compact.Advance(written);
    }

    private static void Put(ReadOnlySpan<byte> bytes, ref Span<byte> rest)
    {
        bytes.CopyTo(rest);
        rest = rest[bytes.Length..];
    }

    /// <summary>Copies a field without white space, and without the comma or brace after it.</summary>
    private static void CopyField(ReadOnlySpan<byte> text, ref int at, Span<byte> target, ref int written)
    {
        for (var depth = 0; ;)
        {
            var current = text[at];
            switch (current)
            {
                case (byte)'"':
                    var end = StringEnd(text, at);
                    text[at..end].CopyTo(target[written..]);
                    written += end - at;
                    at = end;
                    continue;
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    at++;
                    continue;
                case (byte)'{' or (byte)'[':
                    depth++;
                    break;
                case (byte)',' or (byte)'}' when depth == 0:
                    return;
                case (byte)'}' or (byte)']':
                    depth--;
                    break;
                default:
                    break;
            }

            target[written++] = current;
            at++;
        }
    }

    private static int SkipWhiteSpace(ReadOnlySpan<byte> text, int at)
    {
        while (text[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            at++;
        }

        return at;
    }

    /// <summary>Returns the position after the closing quote of the string that begins at <paramref name="at"/>.</summary>
    private static int StringEnd(ReadOnlySpan<byte> text, int at)
    {
        at++;
        while (true)
        {
            at += text[at..].IndexOfAny(QuoteOrEscape);
            if (text[at] == '"')
            {
                return at + 1;
            }

            at += 2;
        }
    }
}

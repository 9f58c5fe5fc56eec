using System.Buffers.Text;

namespace RevenueAspire.EventLog;

/// <summary>Reads the server time of a record. Pure functions.</summary>
public static class RecordTime
{
    private const int TimeBytes = 24;

    /// <summary>Reads the time that the server wrote into a record.</summary>
    /// <param name="record">A record, without its newline. Any other bytes give false.</param>
    /// <param name="milliseconds">Milliseconds since 1970-01-01 UTC.</param>
    /// <returns>False for a record that is not the last of its batch, since only the last one has the batch's time.</returns>
    /// <remarks>Needs no JSON reader, because the server's fields are the last ones of a record. If only other server fields and one closing brace follow the
    /// last field of this name, it is the server's. A field within a client's nested object is followed by at least two braces.</remarks>
    public static bool TryRead(ReadOnlySpan<byte> record, out long milliseconds)
    {
        milliseconds = 0;
        var at = record.LastIndexOf(",\"timestamp\":\""u8);
        if (at < 0)
        {
            return false;
        }

        var rest = record[(at + ",\"timestamp\":\"".Length)..];
        return rest.Length > TimeBytes && IsEnd(rest[TimeBytes..]) && TryParse(rest[..TimeBytes], out milliseconds);
    }

    /// <summary>Whether only fields of the server follow, each a string or the flat object of a batch, and then the end of the record.</summary>
    private static bool IsEnd(ReadOnlySpan<byte> rest)
    {
        if (!rest.StartsWith("\""u8))
        {
            return false;
        }

        rest = rest[1..];
        while (rest.StartsWith(",\""u8))
        {
            rest = rest[2..];
            var name = rest.IndexOf("\":"u8);
            if (name < 0)
            {
                return false;
            }

            rest = rest[(name + 2)..];
            var end = rest.StartsWith("{"u8) ? rest.IndexOf((byte)'}') : EndOfString(rest);
            if (end < 0)
            {
                return false;
            }

            rest = rest[(end + 1)..];
        }

        return rest.SequenceEqual("}"u8);
    }

    /// <summary>Index of the closing quote, or -1.</summary>
    private static int EndOfString(ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("\""u8))
        {
            return -1;
        }

        for (var at = 1; at < text.Length; at++)
        {
            if (text[at] == (byte)'\\')
            {
                at++;
            }
            else if (text[at] == (byte)'"')
            {
                return at;
            }
        }

        return -1;
    }

    private static bool TryParse(ReadOnlySpan<byte> text, out long milliseconds)
    {
        milliseconds = 0;
        static bool Number(ReadOnlySpan<byte> digits, out int number) =>
            Utf8Parser.TryParse(digits, out number, out var read) && read == digits.Length && digits[0] is >= (byte)'0' and <= (byte)'9';
        if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' || text[23] != 'Z'
            || !Number(text[..4], out var year) || !Number(text[5..7], out var month) || !Number(text[8..10], out var day)
            || !Number(text[11..13], out var hour) || !Number(text[14..16], out var minute) || !Number(text[17..19], out var second)
            || !Number(text[20..23], out var millisecond)
            || year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        var time = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc);
        milliseconds = (long)(time - DateTime.UnixEpoch).TotalMilliseconds + millisecond;
        return true;
    }
}

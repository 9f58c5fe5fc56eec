using System.Buffers;
using System.Globalization;

namespace RevenueAspire.EventLog;

/// <summary>Names one record: the log's id and the log offset of the record's first byte. Written <c>&lt;32 hex digits&gt;:&lt;offset&gt;</c>.</summary>
public readonly record struct Receipt(Guid LogId, long Offset)
{
    private const int IdDigits = 32;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{LogId:N}:{Offset}");

    /// <summary>Accepts exactly the output of <see cref="ToString"/> (lower-case hex, decimal offset without sign or leading zeros).</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Receipt receipt)
    {
        receipt = default;
        if (text.Length < IdDigits + 2 || text[IdDigits] != ':' || text[..IdDigits].ContainsAnyExcept(HexDigits))
        {
            return false;
        }

        var digits = text[(IdDigits + 1)..];
        if ((digits[0] == '0' && digits.Length > 1)
            || !Guid.TryParseExact(text[..IdDigits], "N", out var id)
            || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }

        receipt = new Receipt(id, offset);
        return true;
    }
}

/// <summary>Result of looking up a receipt.</summary>
public enum ReceiptLookup
{
    /// <summary>The receipt is of an unknown log.</summary>
    OtherLog,

    /// <summary>The log is known, but no record begins at the offset.</summary>
    NoRecord,

    /// <summary>A durable record. Retention may have removed it after the ledger applied it.</summary>
    Record,
}

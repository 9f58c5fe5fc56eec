using System.Buffers.Binary;
using System.Buffers.Text;

namespace RevenueAspire.Ledger;

/// <summary>The position of one event in a user's history. Rows never change, so a list that continues from a position neither skips nor repeats
/// events.</summary>
/// <param name="Seq">The event's row in <c>event_history</c>.</param>
/// <param name="Index">The event's index in the row, from 0, ascending by offset.</param>
public readonly record struct HistoryCursor(long Seq, int Index)
{
    private const byte Version = 1;
    private const int Bytes = 1 + sizeof(long) + sizeof(ushort);

    /// <summary>Encodes the cursor as 15 characters of Base64url.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        bytes[0] = Version;
        BinaryPrimitives.WriteInt64BigEndian(bytes[1..], Seq);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(1 + sizeof(long))..], checked((ushort)Index));
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>Parses a text. Accepts only texts from <see cref="ToString"/>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out HistoryCursor cursor)
    {
        cursor = default;
        Span<byte> bytes = stackalloc byte[Bytes];
        if (text.Length != Base64Url.GetEncodedLength(Bytes) || !Base64Url.IsValid(text)
            || !Base64Url.TryDecodeFromChars(text, bytes, out var length) || length != Bytes || bytes[0] != Version)
        {
            return false;
        }

        cursor = new HistoryCursor(
            BinaryPrimitives.ReadInt64BigEndian(bytes[1..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[(1 + sizeof(long))..]));
        return cursor.Seq >= 0 && text.SequenceEqual(cursor.ToString());
    }
}

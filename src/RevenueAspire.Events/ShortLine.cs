using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace RevenueAspire.Events;

/// <summary>The fastest path: a line of <see cref="PlainLine"/>'s compact template whose user id, name and value are short. It never rejects a line: any other
/// line returns 0.</summary>
/// <remarks>Each piece is compared in one or two wide loads. A single length check at the beginning covers all loads. With this path, a dry run of 1 GB takes
/// 0.90 of the time and 0.84 of the processor time.</remarks>
internal static class ShortLine
{
    /// <summary>Maximum number of bytes that are loaded: the text before the user id, the id, the text before the name, the name, the value, the end.</summary>
    public const int LookedAt = PrefixBytes + (MaxUserIdBytes - 1) + BetweenBytes + ShortName.Bytes + sizeof(ulong) + 2;

    private const int PrefixBytes = 11;
    private const int BetweenBytes = 10;
    private const int MaxUserIdBytes = 32;

    /// <summary>Takes the first line of a text, with its newline.</summary>
    /// <param name="lines">At least <see cref="LookedAt"/> bytes.</param>
    /// <param name="names">The short names among the known ones.</param>
    /// <param name="userIdLength">Bytes of the user id, which begins at <see cref="EventParser.PlainUserIdAt"/>.</param>
    /// <param name="delta">The amount that the event adds.</param>
    /// <returns>Length of the line, or 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Take(ReadOnlySpan<byte> lines, ShortName[] names, out int userIdLength, out long delta)
    {
        ref var line = ref MemoryMarshal.GetReference(lines);
        delta = 0;

        // Two overlapping loads.
        userIdLength = 0;
        if (Load(ref line, 0) != BinaryPrimitives.ReadUInt64LittleEndian("{\"userId"u8)
            || Load(ref line, PrefixBytes - sizeof(ulong)) != BinaryPrimitives.ReadUInt64LittleEndian("serId\":\""u8))
        {
            return 0;
        }

        // As in PlainText.Length: control characters are less than a space, and non-ASCII bytes are negative as signed numbers.
        var bytes = Vector256.LoadUnsafe(ref line, PrefixBytes);
        var stops = (Vector256.Equals(bytes, Vector256.Create((byte)'"'))
            | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
            | Vector256.LessThan(bytes.AsSByte(), Vector256.Create((sbyte)' ')).AsByte()).ExtractMostSignificantBits();
        var length = BitOperations.TrailingZeroCount(stops);
        var at = PrefixBytes + length;
        if (length is 0 or MaxUserIdBytes
            || Load(ref line, at) != BinaryPrimitives.ReadUInt64LittleEndian("\",\"name\""u8)
            || Load(ref line, at + 2) != BinaryPrimitives.ReadUInt64LittleEndian("\"name\":\""u8))
        {
            return 0;
        }

        at += BetweenBytes;
        bytes = Vector256.LoadUnsafe(ref line, (nuint)at);
        foreach (var name in names)
        {
            if (!name.Begins(bytes))
            {
                continue;
            }

            at += name.Length;
            var taken = TakeValue(Load(ref line, at), out var value);
            at += taken;
            if (taken == 0 || Unsafe.ReadUnaligned<ushort>(ref Unsafe.Add(ref line, at)) != MemoryMarshal.Read<ushort>("}\n"u8))
            {
                return 0;
            }

            userIdLength = length;
            delta = (value ^ name.Negation) - name.Negation;
            return at + 2;
        }

        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Load(ref byte text, int at)
    {
        var bytes = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref text, at));
        return BitConverter.IsLittleEndian ? bytes : BinaryPrimitives.ReverseEndianness(bytes);
    }

    /// <summary>Reads 1 to 7 digits in parallel.</summary>
    /// <param name="text">Eight bytes; the first byte of the text is the lowest.</param>
    /// <param name="value">The number.</param>
    /// <returns>Number of digits; 0 if there is no digit, more than seven, or a leading zero.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int TakeValue(ulong text, out long value)
    {
        // The xor turns each digit into its value, and every other byte into a value above 9. The addition then sets the highest bit of these other bytes. A
        // carry can change only bytes after the first of them, which are not used.
        var numbers = text ^ 0x3030303030303030;
        var others = ((numbers + 0x7676767676767676) | numbers) & 0x8080808080808080;
        var count = BitOperations.TrailingZeroCount(others) >> 3;
        value = 0;
        if (count is 0 or sizeof(ulong) || ((byte)numbers == 0 && count > 1))
        {
            return 0;
        }

        // Shift the digits to the end of the eight bytes, with zeros before them. Then combine pairs, fours, and all eight, with one multiplication each.
        numbers <<= 64 - (8 * count);
        numbers = ((numbers * (1 + (10 << 8))) >> 8) & 0x00FF00FF00FF00FF;
        numbers = ((numbers * (1 + (100 << 16))) >> 16) & 0x0000FFFF0000FFFF;
        value = (long)((numbers * (1 + (10_000UL << 32))) >> 32);
        return count;
    }
}

/// <summary>A known name and the text between it and the value, compared as one vector.</summary>
internal sealed class ShortName
{
    /// <summary>Maximum number of bytes to compare.</summary>
    public const int Bytes = 32;

    private readonly byte[] _pattern = new byte[Bytes];
    private readonly byte[] _ignored = new byte[Bytes];

    private ShortName(ReadOnlySpan<byte> text, int sign)
    {
        (Length, Negation) = (text.Length, sign < 0 ? -1 : 0);
        text.CopyTo(_pattern);
        _ignored.AsSpan(Length).Fill(byte.MaxValue);
    }

    /// <summary>Length of the name and the text after it.</summary>
    public int Length { get; }

    /// <summary>All bits set if the value is subtracted, else zero. <c>(value ^ Negation) - Negation</c> applies the sign.</summary>
    public long Negation { get; }

    /// <summary>Creates the name, or returns null if it is too long or not plain.</summary>
    public static ShortName? Create(ReadOnlySpan<byte> name, int sign)
    {
        ReadOnlySpan<byte> text = [.. name, .. "\",\"value\":"u8];
        return PlainText.Length(name) == name.Length && text.Length <= Bytes ? new ShortName(text, sign) : null;
    }

    /// <summary>Whether a text begins with the name.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Begins(Vector256<byte> text) =>
        (Vector256.Equals(text, Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_pattern)))
            | Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_ignored))) == Vector256<byte>.AllBitsSet;
}

using System.Buffers.Binary;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Format;

/// <summary>The durable mark (rule L5): 16 bytes, an offset and its complement, both little-endian.</summary>
/// <remarks>Written in place by one aligned pwrite: 16 bytes that lie in one block were never seen torn by a concurrent reader. The
/// complement catches what is torn all the same.</remarks>
internal static class DurableMark
{
    public const int Size = 16;

    /// <summary>Reads that disagree with themselves are repeated so often before the mark counts as damaged.</summary>
    public const int MaxReads = 100;

    public static void Write(ILogFile file, long mark)
    {
        Span<byte> bytes = stackalloc byte[Size];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, mark);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], ~mark);
        file.Write(bytes, 0);
    }

    /// <summary>The mark, or null when the file is short or its halves keep disagreeing.</summary>
    public static long? Read(ILogFile file)
    {
        Span<byte> bytes = stackalloc byte[Size];
        for (var attempt = 0; attempt < MaxReads; attempt++)
        {
            if (file.Read(bytes, 0) < Size)
            {
                return null;
            }

            var mark = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            if (mark >= 0 && BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]) == ~mark)
            {
                return mark;
            }
        }

        return null;
    }
}

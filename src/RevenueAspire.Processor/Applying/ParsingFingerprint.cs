using System.Buffers.Binary;
using System.Security.Cryptography;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Identifies the rules that turn bytes into sums: the event types, the parser's version, and for files the maximum line length. Processors with the
/// same fingerprint compute the same aggregate of a range (rule M4).</summary>
internal static class ParsingFingerprint
{
    /// <summary>Computes the fingerprint, 32 bytes.</summary>
    public static ReadOnlyMemory<byte> Compute(EventTypes types, ISourceReader source)
    {
        if (source.Kind == SourceKind.Log)
        {
            return types.Fingerprint;
        }

        Span<byte> input = stackalloc byte[36];
        types.Fingerprint.Span.CopyTo(input);
        BinaryPrimitives.WriteInt32BigEndian(input[32..], source.MaxLineBytes);
        return SHA256.HashData(input);
    }
}

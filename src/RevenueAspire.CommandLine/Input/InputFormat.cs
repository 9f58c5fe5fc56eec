using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.CommandLine;

/// <summary>The compression of a file, by its first bytes.</summary>
internal enum Packing
{
    None,
    Gzip,
    Zstd,
}

/// <summary>Recognises files that are not lines of JSON in UTF-8 by their content. Without this check, their lines would be rejected, or some would count by
/// chance. Thread-safe.</summary>
public static class InputFormat
{
    /// <summary>Number of bytes to inspect. No valid line is longer.</summary>
    private const int WindowBytes = 64 * 1024;

    private const int TarMagicAt = 257;

    private static ReadOnlySpan<byte> Xz => [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

    private static ReadOnlySpan<byte> SevenZip => [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c];

    /// <summary>Rejects an open file in an unsupported format. Accepts supported compressed files; <see cref="SpoolFile.CopyAsync"/> then checks their
    /// content.</summary>
    /// <param name="file">A file open for reading.</param>
    /// <param name="name">The file's name in the message.</param>
    /// <exception cref="UserErrorException">One line that names the format and the command to convert the file.</exception>
    public static void Refuse(SafeFileHandle file, string name)
    {
        ArgumentNullException.ThrowIfNull(file);
        Refuse(file, name, Packing.None);
    }

    /// <summary>Like <see cref="Refuse(SafeFileHandle, string)"/>, but for decompressed content, which must not itself be compressed.</summary>
    internal static void Refuse(SafeFileHandle file, string name, Packing unpackedFrom)
    {
        var window = new byte[(int)Math.Min(WindowBytes, RandomAccess.GetLength(file))];
        var begin = window.AsSpan(0, RandomAccess.Read(file, window, 0));
        var outer = unpackedFrom == Packing.None ? "" : $" in {Name(unpackedFrom)}";
        if (unpackedFrom != Packing.None && FindPacking(begin) is var inner and not Packing.None)
        {
            throw new UserErrorException($"{name}: {Name(inner)}{outer}: no line was counted. Unpack it once.");
        }

        if (Describe(begin) is var (format, advice))
        {
            throw new UserErrorException($"{name}: {format}{outer}: no line was counted. {advice}");
        }
    }

    /// <summary>Returns the compression of supported files.</summary>
    internal static Packing FindPacking(ReadOnlySpan<byte> begin) => begin switch
    {
        [0x1f, 0x8b, ..] => Packing.Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing.Zstd,

        // A skippable frame of zstd; the files of pzstd and other programs begin with one.
        [>= 0x50 and <= 0x5f, 0x2a, 0x4d, 0x18, ..] => Packing.Zstd,
        _ => Packing.None,
    };

    private static string Name(Packing packing) => packing == Packing.Gzip ? "gzip" : "zstd";

    private static (string Format, string Advice)? Describe(ReadOnlySpan<byte> begin) => begin switch
    {
        [(byte)'P', (byte)'K', 3, 4, ..] or [(byte)'P', (byte)'K', 5, 6, ..] or [(byte)'P', (byte)'K', 7, 8, ..] =>
            ("a zip archive", "Unpack it, and use the files in it."),
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x31 or 0x17, ..] => ("bzip2", "Unpack it with bunzip2."),
        _ when begin.StartsWith(Xz) => ("xz", "Unpack it with unxz."),
        _ when begin.StartsWith(SevenZip) => ("a 7z archive", "Unpack it, and use the files in it."),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", "Unpack it with unlz4."),
        _ when begin.Length > TarMagicAt && begin[TarMagicAt..].StartsWith("ustar"u8) => ("a tar archive", "Unpack it, and use the files in it."),
        [0xff, 0xfe, 0, 0, ..] or [0, 0, 0xfe, 0xff, ..] or [not 0, 0, 0, 0, not 0, 0, 0, 0, ..] or [0, 0, 0, not 0, 0, 0, 0, not 0, ..] =>
            ("text in UTF-32", "Convert it: iconv -f UTF-32 -t UTF-8."),
        [0xff, 0xfe, ..] => ("text in UTF-16 (little endian)", "Convert it: iconv -f UTF-16 -t UTF-8."),
        [0xfe, 0xff, ..] => ("text in UTF-16 (big endian)", "Convert it: iconv -f UTF-16 -t UTF-8."),

        // JSON begins with an ASCII character, so in UTF-16 a zero byte is before or after it.
        [not 0, 0, not 0, 0, ..] => ("text in UTF-16 (little endian, no byte order mark)", "Convert it: iconv -f UTF-16LE -t UTF-8."),
        [0, not 0, 0, not 0, ..] => ("text in UTF-16 (big endian, no byte order mark)", "Convert it: iconv -f UTF-16BE -t UTF-8."),
        _ when EndsLinesInReturns(begin) => ("lines end with only CR", "Convert it: tr '\\r' '\\n'."),
        _ => null,
    };

    /// <summary>Whether a line contains two objects separated by a carriage return, which no valid line does.</summary>
    private static bool EndsLinesInReturns(ReadOnlySpan<byte> begin)
    {
        if (begin.Contains((byte)'\n'))
        {
            return false;
        }

        for (var at = begin.IndexOf((byte)'\r'); at >= 0;)
        {
            var before = begin[..at].TrimEnd(" \t\r"u8);
            var after = begin[at..].TrimStart(" \t\r"u8);
            if (before is [.., (byte)'}'] && after is [(byte)'{', ..])
            {
                return true;
            }

            var next = after.IndexOf((byte)'\r');
            at = next < 0 ? -1 : begin.Length - after.Length + next;
        }

        return false;
    }
}

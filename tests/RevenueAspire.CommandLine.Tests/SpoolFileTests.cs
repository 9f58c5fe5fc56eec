using System.IO.Compression;
using System.Text;
using RevenueAspire.Testing;
using ZstdSharp;

namespace RevenueAspire.CommandLine.Tests;

/// <summary>Compressed input is accepted completely or not at all, and an unsupported format is named.</summary>
public sealed class SpoolFileTests
{
    private static readonly byte[] Lines = Encoding.UTF8.GetBytes(
        string.Concat(Enumerable.Range(0, 3000).Select(index => $"{{\"userId\":\"user{index}\",\"name\":\"add_revenue\",\"value\":{index}}}\n")));

    public static TheoryData<string, string> Formats { get; } = new()
    {
        { "utf-16", "text in UTF-16 (little endian)" },
        { "utf-16BE", "text in UTF-16 (big endian)" },
        { "utf-16 plain", "text in UTF-16 (little endian, no byte order mark)" },
        { "utf-16BE plain", "text in UTF-16 (big endian, no byte order mark)" },
        { "utf-32", "text in UTF-32" },
        { "zip", "a zip archive" },
        { "bzip2", "bzip2" },
        { "xz", "xz" },
        { "tar", "a tar archive" },
        { "cr", "lines end with only CR" },
        { "cr one line", "lines end with only CR" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task An_unsupported_format_is_named_whether_plain_piped_or_compressed(string format, string named)
    {
        using var folder = new TempDirectory();
        var bytes = Encode(format);
        var path = folder.File("input");
        await File.WriteAllBytesAsync(path, bytes);
        using (var file = File.OpenHandle(path))
        {
            Assert.StartsWith(
                $"input: {named}: no line was counted. ",
                Assert.Throws<UserErrorException>(() => InputFormat.Refuse(file, "input")).Message,
                StringComparison.Ordinal);
        }

        Assert.StartsWith($"input: {named}: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(bytes))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            $"input: {named} in gzip: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(Gzip(bytes)))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            $"input: {named} in zstd: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(Zstd(bytes)))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{\r\n\"userId\":\"a\"}\r\n{}")]
    [InlineData("{\"userId\":\"a\",\r\"value\":1}\r")]
    [InlineData("PK\n")]
    [InlineData("BZh9 is no event\n")]
    [InlineData("\uFEFF{}\n")]
    public async Task Other_content_is_read_as_lines(string text) => Assert.Equal(Encoding.UTF8.GetBytes(text), await ReadAsync(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public async Task Nested_gzip_and_zstd_are_rejected()
    {
        Assert.StartsWith(
            "input: gzip in gzip: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(Gzip(Gzip(Lines))))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "input: zstd in gzip: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(Gzip(Zstd(Lines))))).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "input: gzip in zstd: ", (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(Zstd(Gzip(Lines))))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_zstd_frames_are_read_and_incomplete_ones_are_rejected()
    {
        var whole = Zstd(Lines);
        Assert.Equal(Lines, await ReadAsync(whole));
        byte[] skipped = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        var frames = skipped.Concat(Zstd(Lines[..1000])).Concat(Zstd(Lines[1000..])).ToArray();
        Assert.Equal(Lines, await ReadAsync(frames));
        var flipped = whole.ToArray();
        flipped[whole.Length / 2] ^= 1;
        byte[][] bad = [whole[..^1], whole[..(whole.Length / 2)], whole[..5], flipped, [.. whole, (byte)'x'], [.. whole, 0x28, 0xb5]];
        foreach (var bytes in bad)
        {
            var error = await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(bytes));
            Assert.Contains("not a complete zstd file", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(511)]
    [InlineData(300_000)]
    public async Task Zero_bytes_after_gzip_are_accepted_for_every_end_of_a_member(int zeros)
    {
        // Members that end in three zero bytes (of the length) or eight (an empty member), and two members in a row.
        byte[][] contents = [Lines, Lines[..100], [], Encoding.UTF8.GetBytes("{}\n")];
        foreach (var content in contents)
        {
            byte[] padded = [.. Gzip(content), .. new byte[zeros]];
            Assert.Equal(content, await ReadAsync(padded));
            Assert.Equal(content, await ReadAsync(padded, pieces: 1));
            Assert.Equal(content.Concat(content).ToArray(), await ReadAsync([.. Gzip(content), .. padded]));
        }
    }

    [Fact]
    public async Task Gzip_that_was_cut_and_filled_with_zeros_is_rejected()
    {
        var whole = Gzip(Lines[..200]);
        for (var length = 3; length < whole.Length; length++)
        {
            var filled = whole[..length].Concat(new byte[600]).ToArray();

            // The last three bytes of this member are zeros, so a cut within them is undone by the zeros.
            if (length < whole.Length - 3)
            {
                await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(filled));
            }
        }

        foreach (var bytes in (byte[][])[[.. whole, 0, 0, (byte)'x'], [.. whole, (byte)'x', 0, 0], [.. whole, 0, .. Gzip(Lines)], whole[..^1]])
        {
            var error = await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(bytes));
            Assert.Contains("not a complete gzip file", error.Message, StringComparison.Ordinal);
        }
    }

    private static byte[] Encode(string format)
    {
        var text = Encoding.UTF8.GetString(Lines);
        switch (format)
        {
            case "zip":
                using (var stream = new MemoryStream())
                {
                    using (var zip = new ZipArchive(stream, ZipArchiveMode.Create))
                    using (var entry = zip.CreateEntry("a.jsonl", CompressionLevel.NoCompression).Open())
                    {
                        entry.Write(Lines);
                    }

                    return stream.ToArray();
                }

            case "tar":
                var header = new byte[512];
                "ustar"u8.CopyTo(header.AsSpan(257));
                header[0] = (byte)'a';
                return [.. header, .. Lines];
            case "bzip2":
                return Encoding.ASCII.GetBytes("BZh91AY&SY...");
            case "xz":
                return [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1];
            case "cr":
                return Encoding.UTF8.GetBytes(text.Replace('\n', '\r'));
            case "cr one line":
                return "{\"a\":\r1}\r{}"u8.ToArray();
            default:
                var encoding = Encoding.GetEncoding(format.Split(' ')[0]);
                return [.. format.Contains("plain", StringComparison.Ordinal) ? [] : encoding.GetPreamble(), .. encoding.GetBytes(text)];
        }
    }

    private static async Task<byte[]> ReadAsync(byte[] bytes, int pieces = int.MaxValue)
    {
        using var folder = new TempDirectory();
        await using var stream = new PieceStream(bytes, pieces);
        using var spool = await SpoolFile.CopyAsync(stream, "input", folder.Path, CancellationToken.None);
        var content = new byte[RandomAccess.GetLength(spool)];
        Assert.Equal(content.Length, content.Length == 0 ? 0 : RandomAccess.Read(spool, content, 0));
        return content;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var result = new MemoryStream();
        using (var gzip = new GZipStream(result, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        // .NET writes no member for empty content.
        var packed = result.ToArray();
        return packed.Length > 0 ? packed : [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    }

    private static byte[] Zstd(byte[] bytes)
    {
        using var compressor = new Compressor(3);
        compressor.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return compressor.Wrap(bytes).ToArray();
    }

    /// <summary>Returns a limited number of bytes per read, as a pipe may do.</summary>
    private sealed class PieceStream(byte[] bytes, int pieces) : ForwardStream
    {
        private int _at;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = Math.Min(Math.Min(buffer.Length, pieces), bytes.Length - _at);
            bytes.AsSpan(_at, count).CopyTo(buffer.Span);
            _at += count;
            return ValueTask.FromResult(count);
        }
    }
}

using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L8: checksums of sealed segments.</summary>
public sealed class SealTests : IAsyncLifetime
{
    private const string Sealed = "00000000000000000000";
    private readonly TempDirectory _directory = new();
    private string _text = "";

    /// <summary>Creates a sealed segment of several blocks, and an open one.</summary>
    public async ValueTask InitializeAsync()
    {
        await using var writer = TestLog.Open(TestLog.Options(_directory.Path, options => options.SegmentBytes = 200_000));
        for (var i = 0; i < 5; i++)
        {
            await TestLog.AppendAsync(writer, TestLog.Group([.. Enumerable.Range(0, 1000).Select(j => $"user{i}.{j}")], "key" + i));
        }

        using var reader = EventLogReader.Open(_directory.Path);
        _text = TestLog.ReadAll(reader).Text;
        Assert.Single(Directory.GetFiles(_directory.Path, "*.seal"));
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(70_000)]
    [InlineData(1 << 20)]
    public void L8_the_block_of_a_flipped_digit_is_reported_and_the_rest_is_read(int buffer)
    {
        const int Block = SegmentSeal.BlockBytes;
        var path = _directory.File(Sealed + ".jsonl");
        var bytes = File.ReadAllBytes(path);
        var digit = Array.FindIndex(bytes, Block + 100, b => b is >= (byte)'1' and <= (byte)'8');
        bytes[digit]++;
        File.WriteAllBytes(path, bytes);
        using var reader = EventLogReader.Open(_directory.Path);
        var (text, damage) = TestLog.ReadAll(reader, buffer);

        Assert.Equal([(Block, 2 * Block)], damage);
        Assert.Equal(_text[..Block] + _text[(2 * Block)..], text);
        Assert.Contains("checksum", reader.Read(Block + 10, new byte[10]).Damage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task L6_a_start_reports_a_shortened_sealed_segment_as_a_gap(bool isLast)
    {
        var live = Directory.GetFiles(_directory.Path, "*.jsonl").Max()!;
        var end = long.Parse(Path.GetFileNameWithoutExtension(live), System.Globalization.CultureInfo.InvariantCulture);
        using (var file = PhysicalFileSystem.Instance.Open(_directory.File(Sealed + ".jsonl"), OpenKind.Write))
        {
            file.Truncate(end - 10);
        }

        var missingTo = isLast ? end + new FileInfo(live).Length : end;
        if (isLast)
        {
            File.Delete(live);
        }

        await using var writer = TestLog.Open(_directory.Path);

        Assert.Equal([new LogRange(end - 10, missingTo)], writer.Files().LastRecovery.Gaps);
        Assert.True((await TestLog.AppendAsync(writer, TestLog.Single("next"))).Receipt.Offset >= missingTo);
    }

    [Fact]
    public void L8_the_undamaged_bytes_before_damage_are_read_first()
    {
        Flip(Sealed + ".jsonl", SegmentSeal.BlockBytes + 5);
        using var reader = EventLogReader.Open(_directory.Path);

        Assert.Equal(new LogRead(SegmentSeal.BlockBytes - 10, 0, null), reader.Read(10, new byte[200_000]));
    }

    [Fact]
    public async Task L8_a_segment_sealed_while_being_read_is_verified_from_then_on()
    {
        using var reader = EventLogReader.Open(_directory.Path);
        var live = long.Parse(Path.GetFileName(Directory.GetFiles(_directory.Path, "*.jsonl").Max()!)[..20], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(100, reader.Read(live, new byte[100]).Count);
        await using (var writer = TestLog.Open(TestLog.Options(_directory.Path, options => options.SegmentBytes = 1)))
        {
            await TestLog.AppendAsync(writer, TestLog.Single("last"));
        }

        Flip(LogFiles.Segment(live), 2000);
        var read = reader.Read(live + 1000, new byte[100]);

        Assert.Equal(0, read.Count);
        Assert.True(read.DamagedThrough > live + 1000);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("half")]
    [InlineData("head")]
    [InlineData("keys")]
    [InlineData("temporary")]
    public async Task L6_L8_a_start_recreates_a_missing_or_damaged_seal(string damage)
    {
        var path = _directory.File(Sealed + ".seal");
        var good = File.ReadAllBytes(path);
        switch (damage)
        {
            case "missing":
                File.Delete(path);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "half":
                File.WriteAllBytes(path, good[..(good.Length / 2)]);
                break;
            case "head":
                Flip(Sealed + ".seal", 30);
                break;
            case "keys":
                Flip(Sealed + ".seal", good.Length - 20);
                break;
            case "temporary":
                File.Delete(path);
                File.WriteAllBytes(path + ".tmp", good[..50]);
                break;
        }

        using (var reader = EventLogReader.Open(_directory.Path))
        {
            // Without a seal nothing can be verified, and damaged keys do not affect readers.
            Assert.Equal(_text, TestLog.ReadAll(reader).Text);
        }

        await using (var writer = TestLog.Open(_directory.Path))
        {
            Assert.Equal([0L], writer.Files().LastRecovery.SealsMade);
            Assert.Equal(5, writer.Files().LastRecovery.Keys);
            Assert.Equal(0, writer.Files().KeysFrom);
        }

        Assert.Equal(good, File.ReadAllBytes(path));
        Assert.Empty(Directory.GetFiles(_directory.Path, "*.tmp"));
    }

    [Fact]
    public void L8_the_seal_of_another_log_is_ignored()
    {
        Assert.NotNull(SegmentSeal.Read(PhysicalFileSystem.Instance, _directory.Path, 0, LogId(), withKeys: true));
        Assert.Null(SegmentSeal.Read(PhysicalFileSystem.Instance, _directory.Path, 0, Guid.NewGuid(), withKeys: true));
    }

    [Fact]
    public void The_checksum_is_crc_32c() => Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    private Guid LogId() => LogIdentity.Read(PhysicalFileSystem.Instance, _directory.Path)!.Id;

    private void Flip(string name, int position)
    {
        using var file = PhysicalFileSystem.Instance.Open(_directory.File(name), OpenKind.Write);
        Span<byte> single = stackalloc byte[1];
        file.Read(single, position);
        single[0] ^= 1;
        file.Write(single, position);
    }
}

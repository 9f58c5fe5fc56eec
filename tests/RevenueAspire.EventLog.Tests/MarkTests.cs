using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L5: readers and the mark.</summary>
public sealed class MarkTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private string _mark = "";

    public async ValueTask InitializeAsync()
    {
        _mark = _directory.File("durable.mark");
        await using var writer = TestLog.Open(_directory.Path);
        await TestLog.AppendAsync(writer, TestLog.Single("a"));
        await TestLog.AppendAsync(writer, TestLog.Single("b"));
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void L5_the_mark_is_16_bytes_the_offset_and_its_complement()
    {
        var bytes = File.ReadAllBytes(_mark);
        var length = new FileInfo(_directory.File("00000000000000000000.jsonl")).Length;

        Assert.Equal(16, bytes.Length);
        Assert.Equal(length, BitConverter.ToInt64(bytes));
        Assert.Equal(~length, BitConverter.ToInt64(bytes, 8));
    }

    [Fact]
    public void L5_without_a_mark_nothing_is_read()
    {
        File.Delete(_mark);
        using var reader = EventLogReader.Open(_directory.Path);

        Assert.Equal(0, reader.ReadDurableMark());
        Assert.Equal(default, reader.Read(0, new byte[100]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    public void L5_while_the_halves_of_the_mark_disagree_nothing_is_read(int position)
    {
        Change(_mark, position);
        using var reader = EventLogReader.Open(_directory.Path);

        Assert.Equal(0, reader.ReadDurableMark());
        Assert.Equal(default, reader.Read(0, new byte[100]));
    }

    [Fact]
    public void L5_a_reader_keeps_its_last_mark_when_the_mark_is_damaged()
    {
        using var reader = EventLogReader.Open(_directory.Path);
        var mark = reader.ReadDurableMark();
        Change(_mark, 0);

        Assert.Equal(mark, reader.ReadDurableMark());
    }

    [Fact]
    public void L5_readers_never_pass_the_mark()
    {
        SetMark(100);
        using var reader = EventLogReader.Open(_directory.Path);

        Assert.Equal(100, reader.Read(0, new byte[1000]).Count);
        Assert.Equal(1, reader.Read(99, new byte[1000]).Count);
        Assert.Equal(default, reader.Read(100, new byte[1000]));
        Assert.Throws<EventLogException>(() => reader.Read(101, new byte[1000]));
        Assert.Throws<EventLogException>(() => reader.Read(-1, new byte[1000]));
    }

    [Fact]
    public void L5_a_reader_waits_if_the_segment_is_shorter_than_the_mark()
    {
        var end = new FileInfo(_directory.File("00000000000000000000.jsonl")).Length;
        SetMark(end + 50);
        using var reader = EventLogReader.Open(_directory.Path);

        Assert.Equal(end, reader.Read(0, new byte[1000]).Count);
        Assert.Equal(default, reader.Read(end, new byte[1000]));
        File.AppendAllText(_directory.File("00000000000000000000.jsonl"), new string('x', 60));
        Assert.Equal(50, reader.Read(end, new byte[1000]).Count);
    }

    [Fact]
    public async Task L5_a_reader_follows_the_writer_and_notices_a_replaced_log()
    {
        using var reader = EventLogReader.Open(_directory.Path);
        var before = reader.ReadDurableMark();
        await using (var writer = TestLog.Open(_directory.Path))
        {
            await TestLog.AppendAsync(writer, TestLog.Single("c"));
            Assert.Equal(writer.DurableMark, reader.ReadDurableMark());
            Assert.True(reader.ReadDurableMark() > before);
        }

        Directory.Delete(_directory.Path, recursive: true);
        await using var other = TestLog.Open(_directory.Path);
        await Task.Delay(1100);
        Assert.Throws<EventLogException>(() => reader.ReadDurableMark());
    }

    private static void Change(string path, int position)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[position] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private void SetMark(long mark)
    {
        using var file = PhysicalFileSystem.Instance.Open(_mark, OpenKind.Write);
        DurableMark.Write(file, mark);
    }
}

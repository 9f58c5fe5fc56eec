using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>The promises to readers, for every store (rules L5, L10).</summary>
public abstract class ReadContract : IAsyncDisposable
{
    private readonly LogFixture _fixture;

    private protected ReadContract(LogFixture fixture) => _fixture = fixture;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task L5_a_following_reader_sees_each_record_once_in_order_and_never_past_the_mark()
    {
        var log = await _fixture.OpenAsync(options => options.SegmentBytes = 20_000);
        using var reader = _fixture.OpenReader(log.LogId);
        var random = Seed.Random(nameof(L5_a_following_reader_sees_each_record_once_in_order_and_never_past_the_mark));
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++)
            {
                Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Group([.. Enumerable.Repeat($"u{i}", 1 + (i % 20))]))).Status);
            }
        });
        var (seen, offset, buffer) = (new StringBuilder(), 0L, new byte[3_000]);
        while (!writing.IsCompleted || offset < log.DurableMark)
        {
            var mark = reader.ReadDurableMark();
            Assert.True(mark >= offset, Seed.Hint);
            var read = reader.Read(offset, buffer.AsSpan(0, random.Next(1, buffer.Length)));
            Assert.Null(read.Damage);
            seen.Append(Encoding.UTF8.GetString(buffer, 0, read.Count));
            offset += read.Count;
            Assert.True(offset <= reader.ReadDurableMark(), Seed.Hint);
        }

        await writing;
        Assert.Equal(Enumerable.Range(0, 200).SelectMany(i => Enumerable.Repeat($"u{i}", 1 + (i % 20))), TestLog.Users(seen.ToString()));
    }

    [Fact]
    public async Task L5_uncommitted_bytes_and_offsets_outside_the_log_cannot_be_read()
    {
        var log = await _fixture.OpenAsync();
        await AppendAsync(log, TestLog.Single("a"));
        var mark = log.DurableMark;
        using var reader = _fixture.OpenReader(log.LogId);
        Task<AppendResult> append;
        await using (await _fixture.HoldAsync())
        {
            append = AppendAsync(log, TestLog.Single("b"));
            Assert.Equal(mark, reader.ReadDurableMark());
            Assert.Equal(default, reader.Read(mark, new byte[100]));
            Assert.Equal(mark, log.DurableMark);
        }

        await append;
        Assert.Equal(log.DurableMark, reader.ReadDurableMark());
        Assert.Equal(log.DurableMark - mark, reader.Read(mark, new byte[1000]).Count);
        Assert.Equal(1, reader.Read(log.DurableMark - 1, new byte[1000]).Count);
        Assert.Throws<EventLogException>(() => reader.Read(log.DurableMark + 1, new byte[10]));
        Assert.Throws<EventLogException>(() => reader.Read(-1, new byte[10]));
    }

    [Fact]
    public async Task L10_applied_bytes_are_removed_and_the_rest_and_old_receipts_stay_valid()
    {
        var log = await _fixture.OpenAsync(options => options.SegmentBytes = 20_000);
        var receipts = new List<Receipt>();
        while (log.DurableMark < 400_000)
        {
            receipts.Add((await AppendAsync(log, TestLog.Group([.. Enumerable.Range(0, 50).Select(user => $"user-{receipts.Count}-{user}")]))).Receipt);
        }

        var whole = _fixture.ReadAll(log.LogId);
        await _fixture.RemoveAppliedAsync(log, applied: 0, retainBytes: 0);
        await _fixture.RemoveAppliedAsync(log, applied: log.DurableMark, retainBytes: log.DurableMark);
        Assert.Equal(whole, _fixture.ReadAll(log.LogId));

        var applied = receipts[receipts.Count / 2].Offset;
        await _fixture.RemoveAppliedAsync(log, applied, retainBytes: 0);

        using var reader = _fixture.OpenReader(log.LogId);
        reader.ReadDurableMark();

        // Processors compare the last applied bytes with the log, so these bytes stay.
        Assert.InRange(reader.FirstOffset, 1, applied - (64 * 1024));
        Assert.Equal(whole[(int)reader.FirstOffset..], reader.ReadAll());
        Assert.Throws<EventLogException>(() => reader.Read(0, new byte[10]));
        Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(receipts[0], CancellationToken.None));
        Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(receipts[^1], CancellationToken.None));
        Assert.Equal(whole.Length, (await AppendAsync(log, TestLog.Single("later"))).Receipt.Offset);
    }

    private static Task<AppendResult> AppendAsync(EventLogWriter log, AppendGroup group) => log.AppendAsync(group, CancellationToken.None).AsTask();
}

using System.Text;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L6: each row of the recovery table, on files that a crash or a broken disk has left.</summary>
public sealed class RecoveryTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<long> _ends = [];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task L6_Empty_a_new_log_begins_at_0() => await OpenAsync(RecoveryCase.Empty, mark: 0);

    [Fact]
    public async Task L6_Clean_nothing_is_changed()
    {
        var before = await MakeAsync("a", "b");

        await OpenAsync(RecoveryCase.Clean, _ends[1]);
        Assert.Equal(before, Read("a", "b"));
    }

    [Fact]
    public async Task L6_AheadOfMark_whole_groups_above_the_mark_are_kept()
    {
        await MakeAsync("a", "b", "c");
        SetMark(_ends[0]);

        var report = await OpenAsync(RecoveryCase.AheadOfMark, _ends[2]);
        Assert.Equal(new LogRange(_ends[0], _ends[2]), report.Kept);
        Read("a", "b", "c");
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("short")]
    [InlineData("unequal")]
    public async Task L6_without_a_mark_the_whole_groups_of_the_last_segment_are_kept(string damage)
    {
        await MakeAsync("a", "b");
        Append("{\"userId\":\"torn");
        switch (damage)
        {
            case "missing":
                File.Delete(_directory.File("durable.mark"));
                break;
            case "short":
                File.WriteAllBytes(_directory.File("durable.mark"), new byte[7]);
                break;
            case "unequal":
                File.WriteAllBytes(_directory.File("durable.mark"), new byte[16]);
                break;
        }

        var report = await OpenAsync(RecoveryCase.TornTail, _ends[1]);
        Assert.Null(report.FoundMark);
        Read("a", "b");
    }

    [Theory]
    [InlineData("{\"userId\":\"torn")]
    [InlineData("nonsense\n")]
    [InlineData("{\"userId\":\"no time\"}\n")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0{\"userId\":\"torn")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0{\"userId\":\"torn\"}\n")]
    [InlineData("\n")]
    public async Task L6_TornTail_bytes_that_are_no_group_are_dropped(string tail)
    {
        var before = await MakeAsync("a", "b");
        SetMark(_ends[0]);
        Append(tail);

        var report = await OpenAsync(RecoveryCase.TornTail, _ends[1]);
        Assert.Equal(tail.Length, report.Dropped.Length);
        Assert.Equal(before, Read("a", "b"));
    }

    [Theory]
    [InlineData(30)]
    [InlineData(RecordFields.MaxRecordBytes + 5_000_000)]
    public async Task L6_zeros_after_the_last_group_are_cut_off(int zeros)
    {
        await MakeAsync("a", "b");
        SetMark(_ends[0]);
        using (var file = PhysicalFileSystem.Instance.Open(Segment(0), OpenKind.Write))
        {
            file.Truncate(_ends[1] + zeros);
        }

        var report = await OpenAsync(RecoveryCase.AheadOfMark, _ends[1]);
        Assert.Equal(0, report.Dropped.Length);
        Read("a", "b");
    }

    [Fact]
    public async Task L6_EndsBeforeMark_zeros_below_the_mark_are_a_gap_and_stay()
    {
        await MakeAsync("a", "b");
        using (var file = PhysicalFileSystem.Instance.Open(Segment(0), OpenKind.Write))
        {
            file.Write(new byte[_ends[1] - _ends[0]], _ends[0]);
        }

        await using (var writer = TestLog.Open(_directory.Path))
        {
            Assert.Equal((RecoveryCase.EndsBeforeMark, _ends[1]), (writer.Files().LastRecovery.Case, writer.DurableMark));
        }

        Assert.Equal(_ends[1], new FileInfo(Segment(0)).Length);
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a"));
    }

    [Fact]
    public async Task L6_TornTail_a_batch_torn_at_any_byte_is_dropped_whole()
    {
        await MakeAsync("a", "b+c+d");
        var whole = File.ReadAllBytes(Segment(0));
        for (var length = (int)_ends[0] + 1; length < whole.Length; length++)
        {
            File.WriteAllBytes(Segment(0), whole[..length]);
            SetMark(_ends[0]);
            var report = await OpenAsync(RecoveryCase.TornTail, _ends[0]);
            Assert.Equal(new LogRange(_ends[0], length), report.Dropped);
        }

        Read("a");
    }

    [Fact]
    public async Task L6_TornTail_a_batch_with_any_byte_missing_in_its_middle_is_dropped_whole()
    {
        await MakeAsync("a", "b+c+d");
        var whole = File.ReadAllBytes(Segment(0));
        for (var position = (int)_ends[0]; position < whole.Length; position += 3)
        {
            var torn = whole.ToArray();
            torn[position] = 0;
            File.WriteAllBytes(Segment(0), torn);
            SetMark(_ends[0]);
            await OpenAsync(RecoveryCase.TornTail, _ends[0]);
        }

        Read("a");
    }

    /// <summary>In older logs, each record of a batch has a time and a batch field.</summary>
    [Fact]
    public async Task L6_older_batches_with_time_and_batch_in_each_record_are_still_read()
    {
        await MakeAsync("a");
        var batch = BatchInOldForm(_ends[0], "b", "c", "d");
        Append(batch);

        var end = _ends[0] + batch.Length;
        var report = await OpenAsync(RecoveryCase.AheadOfMark, end);
        Assert.Equal(new LogRange(_ends[0], end), report.Kept);
        Assert.Equal(File.ReadAllBytes(Segment(0)), Read("a", "b", "c", "d"));

        for (var length = 1; length < batch.Length; length += 7)
        {
            using (var file = PhysicalFileSystem.Instance.Open(Segment(0), OpenKind.Write))
            {
                file.Truncate(_ends[0] + length);
            }

            SetMark(_ends[0]);
            await OpenAsync(RecoveryCase.TornTail, _ends[0]);
            Append(batch);
        }
    }

    [Fact]
    public async Task L6_a_torn_batch_before_a_whole_group_is_kept_reported_and_never_read()
    {
        await MakeAsync("a", "b+c+d", "e");
        var bytes = File.ReadAllBytes(Segment(0));

        // The page with the batch's first record is lost, but its later records look whole.
        bytes.AsSpan((int)_ends[0], 20).Clear();
        File.WriteAllBytes(Segment(0), bytes);
        SetMark(_ends[0]);

        var report = await OpenAsync(RecoveryCase.AheadOfMark, _ends[2]);
        Assert.Equal([new LogRange(_ends[0], _ends[1])], report.Damaged);
        Assert.True(report.HasLoss);
        Assert.Equal(bytes, File.ReadAllBytes(Segment(0)));
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a", "e"));

        // The seal records the damage, so readers still report it after the next start, which continues after it.
        await OpenAsync(RecoveryCase.Clean, _ends[2]);
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a", "e"));
    }

    [Fact]
    public async Task L6_DamagedBelowMark_bytes_below_the_mark_are_never_cut_off()
    {
        await MakeAsync("a", "b", "c");
        Overwrite(_ends[1] + 5, "\0\0\0");
        Append("torn");

        var report = await OpenAsync(RecoveryCase.DamagedBelowMark, _ends[2]);
        Assert.Equal([new LogRange(_ends[1], _ends[2])], report.Damaged);
        Assert.Equal(4, report.Dropped.Length);
        Assert.Equal(_ends[2], new FileInfo(Segment(0)).Length);
        Assert.Equal([(_ends[1], _ends[2])], ReadWithDamage("a", "b"));
    }

    [Fact]
    public async Task L6_damage_below_the_mark_before_whole_groups_is_reported_and_kept()
    {
        await MakeAsync("a", "b", "c");
        Overwrite(_ends[0] + 5, "\0\0\0");

        var report = await OpenAsync(RecoveryCase.Clean, _ends[2]);
        Assert.Equal([new LogRange(_ends[0], _ends[1])], report.Damaged);
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a", "c"));
    }

    [Fact]
    public async Task L6_EndsBeforeMark_the_gap_is_reported_and_the_next_segment_begins_at_the_mark()
    {
        await MakeAsync("a", "b", "c");
        using (var file = PhysicalFileSystem.Instance.Open(Segment(0), OpenKind.Write))
        {
            file.Truncate(_ends[1] + 10);
        }

        var report = await OpenAsync(RecoveryCase.EndsBeforeMark, _ends[2]);
        Assert.Equal([new LogRange(_ends[1] + 10, _ends[2])], report.Gaps);
        Assert.Equal([new LogRange(_ends[1], _ends[1] + 10)], report.Damaged);
        Assert.True(File.Exists(Segment(_ends[2])));
        Assert.Equal([(_ends[1], _ends[1] + 10), (_ends[1] + 10, _ends[2])], ReadWithDamage("a", "b"));
    }

    [Fact]
    public async Task L6_EndsBeforeMark_an_empty_last_segment_is_a_gap_up_to_the_mark()
    {
        await MakeAsync("a");
        File.WriteAllBytes(Segment(0), []);

        await OpenAsync(RecoveryCase.EndsBeforeMark, _ends[0]);
        Assert.Equal([(0, _ends[0])], ReadWithDamage());
    }

    [Fact]
    public async Task L6_SegmentsMissing_the_log_continues_at_the_mark()
    {
        await MakeAsync("a", "b");
        File.Delete(Segment(0));

        var report = await OpenAsync(RecoveryCase.SegmentsMissing, _ends[1]);
        Assert.Equal([new LogRange(0, _ends[1])], report.Gaps);
        using var reader = EventLogReader.Open(_directory.Path);
        Assert.Equal(_ends[1], reader.FirstOffset);
    }

    [Fact]
    public async Task L6_Sealed_the_next_segment_begins_where_the_last_one_ends()
    {
        await MakeAsync(rollEach: true, "a", "b");
        File.Delete(Segment(_ends[0]));
        SetMark(_ends[0]);

        await OpenAsync(RecoveryCase.Sealed, _ends[0]);
        Read("a");
    }

    [Fact]
    public async Task L6_Sealed_a_missing_last_segment_is_a_gap()
    {
        await MakeAsync(rollEach: true, "a", "b");
        File.Delete(Segment(_ends[0]));

        var report = await OpenAsync(RecoveryCase.Sealed, _ends[1]);
        Assert.Equal([new LogRange(_ends[0], _ends[1])], report.Gaps);
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a"));
    }

    [Fact]
    public async Task L6_a_segment_missing_in_the_middle_is_a_gap()
    {
        await MakeAsync(rollEach: true, "a", "b", "c");
        File.Delete(Segment(_ends[0]));

        var report = await OpenAsync(RecoveryCase.Clean, _ends[2]);
        Assert.Equal([new LogRange(_ends[0], _ends[1])], report.Gaps);
        Assert.Equal([(_ends[0], _ends[1])], ReadWithDamage("a", "c"));
    }

    [Fact]
    public async Task L6_a_mark_in_an_older_segment_counts_as_the_start_of_the_last_segment()
    {
        await MakeAsync(rollEach: true, "a", "b", "c");
        SetMark(_ends[0]);

        await OpenAsync(RecoveryCase.AheadOfMark, _ends[2]);
        Read("a", "b", "c");
    }

    [Fact]
    public async Task L6_a_seal_without_a_next_segment_is_used()
    {
        await MakeAsync(rollEach: true, "a", "b");
        File.WriteAllBytes(Segment(_ends[0]), []);
        SetMark(_ends[0]);

        await OpenAsync(RecoveryCase.Clean, _ends[0]);
        Read("a");
    }

    /// <summary>Checks the promises of all rows, for all combinations of small offsets.</summary>
    [Fact]
    public void L6_no_row_cuts_below_the_mark_or_lowers_it_or_drops_a_whole_group()
    {
        var rows = new HashSet<RecoveryCase>();
        long?[] marks = [null, 0, 5, 10, 15, 20, 25];
        foreach (var mark in marks)
        {
            foreach (var start in new long[] { 0, 10 })
            {
                foreach (var valid in new long[] { 0, 5, 10 })
                {
                    foreach (var tail in new long[] { 0, 3, 20 })
                    {
                        (bool, bool, bool)[] segments = [(true, false, false), (true, false, true), (true, true, false), (false, false, false)];
                        foreach (var (hasSegment, isSealed, damage) in segments)
                        {
                            var facts = new RecoveryFacts(mark, hasSegment, start, isSealed, start + valid, start + valid + (isSealed ? 0 : tail), damage);
                            var decision = RecoveryTable.Decide(facts);
                            rows.Add(decision.Case);
                            Assert.True(decision.End >= (mark ?? 0), $"{facts}: the mark decreases");
                            if (!hasSegment)
                            {
                                continue;
                            }

                            Assert.True(decision.KeepTo >= Math.Min(facts.FileEnd, mark ?? 0), $"{facts}: cut below the mark");
                            Assert.True(decision.KeepTo >= facts.ValidEnd, $"{facts}: a whole group is dropped");
                            Assert.True(decision.KeepTo <= facts.FileEnd, $"{facts}: keeps more bytes than exist");
                            Assert.Equal(decision.End - Math.Max(decision.KeepTo, 0), decision.Gap.Length);
                            Assert.True(decision.Gap.Length == 0 || decision.Seal || isSealed, $"{facts}: readers cannot see the gap");
                        }
                    }
                }
            }
        }

        Assert.Equal(Enum.GetValues<RecoveryCase>().Order(), rows.Order());
    }

    private Task<byte[]> MakeAsync(params string[] groups) => MakeAsync(rollEach: false, groups);

    /// <summary>Creates a cleanly stopped log. A group <c>b+c</c> is a batch.</summary>
    private async Task<byte[]> MakeAsync(bool rollEach, params string[] groups)
    {
        await using var writer = TestLog.Open(TestLog.Options(_directory.Path, options => options.SegmentBytes = rollEach ? 1 : 1 << 20));
        foreach (var group in groups)
        {
            await TestLog.AppendAsync(writer, TestLog.Group(group.Split('+')));
            _ends.Add(writer.DurableMark);
        }

        return File.ReadAllBytes(Segment(0));
    }

    /// <summary>Recovers; checks the row, the mark, and that the next append begins at the mark. Then removes that append again.</summary>
    private async Task<RecoveryReport> OpenAsync(RecoveryCase expected, long mark)
    {
        RecoveryReport report;
        await using (var writer = TestLog.Open(_directory.Path))
        {
            report = writer.Files().LastRecovery;
            Assert.Equal(mark, writer.DurableMark);
            var result = await TestLog.AppendAsync(writer, TestLog.Single("next"));
            Assert.Equal(mark, result.Receipt.Offset);
        }

        Assert.Equal(expected, report.Case);
        var last = Directory.GetFiles(_directory.Path, "*.jsonl").Max(StringComparer.Ordinal)!;
        using (var file = PhysicalFileSystem.Instance.Open(last, OpenKind.Write))
        {
            file.Truncate(mark - long.Parse(Path.GetFileNameWithoutExtension(last), System.Globalization.CultureInfo.InvariantCulture));
        }

        SetMark(mark);
        return report;
    }

    private byte[] Read(params string[] users)
    {
        Assert.Empty(ReadWithDamage(users));
        return File.ReadAllBytes(Segment(0));
    }

    private List<(long From, long To)> ReadWithDamage(params string[] users)
    {
        using var reader = EventLogReader.Open(_directory.Path);
        var (text, damage) = TestLog.ReadAll(reader);
        Assert.Equal(users, ModelGroup.UsersIn(Encoding.UTF8.GetBytes(text)));
        return damage;
    }

    private static string BatchInOldForm(long from, params string[] users)
    {
        var text = string.Join(",\"batch\":{}}\n", users.Select(user => TestLog.Event(user, 1)[..^1] + ",\"timestamp\":\"2026-01-31T12:34:56.789Z\""));
        var crc = Crc32C.Compute(Encoding.UTF8.GetBytes(text));
        return $$$"""{{{text}}},"batch":{"from":{{{from}}},"count":{{{users.Length}}},"rejected":0,"crc":"{{{crc:x8}}}"}}""" + "\n";
    }

    private string Segment(long start) => _directory.File(LogFiles.Segment(start));

    private void SetMark(long mark)
    {
        using var file = PhysicalFileSystem.Instance.Open(_directory.File("durable.mark"), OpenKind.Write);
        DurableMark.Write(file, mark);
    }

    private void Append(string text) => File.AppendAllText(Segment(0), text);

    private void Overwrite(long position, string text)
    {
        using var file = PhysicalFileSystem.Instance.Open(Segment(0), OpenKind.Write);
        file.Write(Encoding.UTF8.GetBytes(text), position);
    }
}

using System.Text;
using RevenueAspire.EventLog.Format;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Memory of records: small ones in pooled arrays, large ones in blocks outside the garbage collector's heap.</summary>
public sealed class RecordBufferTests
{
    [Fact]
    public void The_buffer_keeps_written_bytes_while_it_grows_and_is_truncated()
    {
        var random = Seed.Random(nameof(RecordBufferTests));
        for (var round = 0; round < 20; round++)
        {
            var buffer = new RecordBuffer();
            var expected = new List<byte>();
            while (expected.Count < 3 << 20)
            {
                var bytes = new byte[random.Next(1, random.Next(2) == 0 ? 200 : 600_000)];
                random.NextBytes(bytes);
                buffer.Append(bytes);
                expected.AddRange(bytes);
                if (random.Next(4) == 0)
                {
                    var cut = random.Next(bytes.Length);
                    buffer.Length -= cut;
                    expected.RemoveRange(expected.Count - cut, cut);
                }
            }

            Assert.True(buffer.Written.SequenceEqual(expected.ToArray()), $"round {round}; {Seed.Hint}");
            buffer.Clear();
            Assert.True(buffer.Written.IsEmpty);
        }
    }

    [Fact]
    public void Released_large_memory_returns_to_the_system()
    {
        const int Large = 100 << 20;
        var before = LargeBlock.BytesInUse;
        var buffer = new RecordBuffer();
        buffer.GetSpan(Large)[Large - 1] = 1;
        buffer.Advance(Large);
        Assert.True(LargeBlock.BytesInUse >= Large);
        buffer.Clear();

        // Blocks of other tests and kept blocks change the number meanwhile, but they are smaller in total.
        Assert.InRange(LargeBlock.BytesInUse, 0, before + (Large / 2));
    }

    /// <summary>One thread parses an event and another answers it. With a pool that keeps arrays per thread, almost every array would be a new
    /// allocation.</summary>
    [Fact]
    public void Many_events_in_flight_reuse_memory_that_another_thread_returned()
    {
        const int InFlight = 500;
        const int GroupItself = 200;
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        var groups = new AppendGroup[InFlight];
        var line = Encoding.UTF8.GetBytes(TestLog.Event("a", 1));
        for (var round = 0; ; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < InFlight; i++)
            {
                builder.Add(line, out _);
                groups[i] = builder.Build();
            }

            var each = (GC.GetAllocatedBytesForCurrentThread() - before) / InFlight;
            var answering = new Thread(() => Array.ForEach(groups, group => group.Release()));
            answering.Start();
            answering.Join();
            if (round == 2)
            {
                Assert.InRange(each, 0, GroupItself);
                return;
            }
        }
    }
}

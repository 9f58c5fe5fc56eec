using System.Text;

namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>A reader of a log in any store.</summary>
internal abstract class LogView : IDisposable
{
    public abstract long FirstOffset { get; }

    public abstract long ReadDurableMark();

    public abstract LogRead Read(long offset, Span<byte> destination);

    public abstract void Dispose();

    /// <summary>Reads from the first retained offset to the mark; damage fails the test.</summary>
    public string ReadAll(int step = 1 << 20)
    {
        var mark = ReadDurableMark();
        var (first, bytes) = (FirstOffset, new byte[mark - FirstOffset]);
        for (var at = 0; at < bytes.Length;)
        {
            var read = Read(first + at, bytes.AsSpan(at, Math.Min(step, bytes.Length - at)));
            Assert.True(read.Count > 0, $"offset {first + at}: {read.Damage}");
            at += read.Count;
        }

        return Encoding.UTF8.GetString(bytes);
    }
}

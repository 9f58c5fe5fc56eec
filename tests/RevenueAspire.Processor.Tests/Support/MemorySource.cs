using System.Text;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>A source in memory, read in pieces of any size, with damaged sections.</summary>
internal sealed class MemorySource(byte[] bytes, SourceKind kind = SourceKind.File, int maxLineBytes = 1 << 16, int longestRead = int.MaxValue) : ISourceReader
{
    public MemorySource(string text, SourceKind kind = SourceKind.File, int maxLineBytes = 1 << 16, int longestRead = int.MaxValue)
        : this(Encoding.UTF8.GetBytes(text), kind, maxLineBytes, longestRead) { }

    /// <summary>Damaged sections [from, through).</summary>
    public List<(long From, long Through)> Damage { get; } = [];

    public SourceKind Kind { get; } = kind;

    public string Name => "memory";

    public int MaxLineBytes { get; } = maxLineBytes;

    public long FirstOffset => 0;

    public ISourceReader Whole => this;

    public long ReadEnd() => bytes.Length;

    public LogRead Read(long offset, Span<byte> destination)
    {
        if (Damage.FirstOrDefault(gap => gap.From <= offset && offset < gap.Through) is { Through: > 0 } gap)
        {
            return new LogRead(0, gap.Through, "damaged for the test");
        }

        var end = Damage.Where(gap => gap.From > offset).Select(gap => gap.From).Append(bytes.Length).Min();
        var count = (int)Math.Min(Math.Min(destination.Length, longestRead), end - offset);
        bytes.AsSpan((int)offset, count).CopyTo(destination);
        return new LogRead(count, 0, null);
    }

    public void Dispose() { }
}

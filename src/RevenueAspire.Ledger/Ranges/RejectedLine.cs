using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>A line that is not an event.</summary>
/// <param name="Offset">Byte offset of the line in its source.</param>
/// <param name="Line">Line number in the range, counted from 0. The close makes it absolute, counted from 1.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's first bytes, at most 256. Stored as text, with invalid UTF-8 and U+0000 replaced.</param>
public sealed record RejectedLine(long Offset, long Line, string Reason, ReadOnlyMemory<byte> Beginning);

/// <summary>Rejected lines as the four array parameters of <c>unnest(offset, line, reason, beginning)</c>.</summary>
internal static class RejectColumns
{
    public static void Add(NpgsqlParameterCollection parameters, IReadOnlyList<RejectedLine> rejects, int start, int end)
    {
        var count = end - start;
        var (offsets, lines, reasons, beginnings) = (new long[count], new long[count], new string[count], new string[count]);
        for (var i = 0; i < count; i++)
        {
            var reject = rejects[start + i];
            offsets[i] = reject.Offset;
            lines[i] = reject.Line;
            reasons[i] = WithoutNul(reject.Reason);
            beginnings[i] = WithoutNul(Encoding.UTF8.GetString(reject.Beginning.Span));
        }

        parameters.Add(WriteBatch.Parameter(offsets));
        parameters.Add(WriteBatch.Parameter(lines));
        parameters.Add(WriteBatch.Parameter(reasons));
        parameters.Add(WriteBatch.Parameter(beginnings));
    }

    /// <summary>Checks the order: the watermark (M8) is an offset, so the lines must ascend by offset.</summary>
    public static void Validate(IReadOnlyList<RejectedLine> rejects)
    {
        ArgumentNullException.ThrowIfNull(rejects);
        for (var i = 1; i < rejects.Count; i++)
        {
            if (rejects[i].Offset <= rejects[i - 1].Offset)
            {
                throw new ArgumentException("Rejected lines must come in ascending order of their offsets.", nameof(rejects));
            }
        }
    }

    // Postgres text cannot contain U+0000 or a lone surrogate. The encoder replaces a lone surrogate with U+FFFD; Replace does the same for U+0000.
    private static string WithoutNul(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');
}

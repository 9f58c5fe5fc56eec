using System.Security.Cryptography;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary>Cuts a batch's body into lines as it comes, and parses each. Not thread-safe.</summary>
/// <param name="builder">Receives the events; empty.</param>
/// <param name="maxLineBytes">A longer line (without its end, LF or CRLF) is rejected, and not kept in memory.</param>
/// <param name="hashed">Whether the hash of the body is wanted.</param>
/// <param name="maxListed">Rejected lines that are listed; all are counted.</param>
internal sealed class BatchLines(AppendGroupBuilder builder, int maxLineBytes, bool hashed, int maxListed) : IDisposable
{
    /// <summary>Bytes that a line which programs write can have at most: ids and names have limits, and so does what stands between them.</summary>
    private const int LongestPlainLine = 1024;

    private readonly IncrementalHash? _hash = hashed ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private readonly List<RejectedLine> _rejected = [];

    /// <summary>Beginning of a line whose end has not come yet.</summary>
    private byte[] _carry = [];
    private int _carried;
    private bool _tooLong;

    public long Length { get; private set; }

    /// <summary>Lines so far, blank ones too.</summary>
    public int Lines { get; private set; }

    public int RejectedCount { get; private set; }

    /// <summary>The first rejected lines, as many as are listed.</summary>
    public IReadOnlyList<RejectedLine> Rejected => _rejected;

    /// <summary>Takes the next bytes of the inflated body.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        Length += bytes.Length;
        _hash?.AppendData(bytes);
        while (true)
        {
            if (_carried == 0 && !_tooLong && maxLineBytes >= LongestPlainLine)
            {
                bytes = bytes[builder.AddPlainLines(bytes, out var plain)..];
                Lines += plain;
            }

            var end = bytes.IndexOf((byte)'\n');
            if (end < 0)
            {
                Carry(bytes);
                return;
            }

            if (_carried == 0 && !_tooLong)
            {
                AddLine(bytes[..end]);
            }
            else
            {
                Carry(bytes[..end]);
                EndCarriedLine();
            }

            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>Ends the body: its last line needs no newline.</summary>
    public void Complete()
    {
        if (_carried > 0 || _tooLong)
        {
            EndCarriedLine();
        }
    }

    /// <summary>SHA-256 of the body; empty when it was not wanted.</summary>
    public byte[] Hash() => _hash?.GetHashAndReset() ?? [];

    public void Dispose() => _hash?.Dispose();

    private void Carry(ReadOnlySpan<byte> bytes)
    {
        if (_tooLong || bytes.IsEmpty)
        {
            return;
        }

        var needed = _carried + bytes.Length;
        if (needed > maxLineBytes + 1)
        {
            // Even if its last byte is the \r of its end.
            _tooLong = true;
            return;
        }

        if (needed > _carry.Length)
        {
            Array.Resize(ref _carry, Math.Min(maxLineBytes + 1, Math.Max(needed, 2 * _carry.Length)));
        }

        bytes.CopyTo(_carry.AsSpan(_carried));
        _carried = needed;
    }

    private void EndCarriedLine()
    {
        if (_tooLong)
        {
            Lines++;
            Reject(RejectReason.TooLong);
        }
        else
        {
            AddLine(_carry.AsSpan(0, _carried));
        }

        _carried = 0;
        _tooLong = false;
    }

    private void AddLine(ReadOnlySpan<byte> line)
    {
        Lines++;
        if (line is [.., (byte)'\r'])
        {
            line = line[..^1];
        }

        if (line.Length > maxLineBytes)
        {
            Reject(RejectReason.TooLong);
        }
        else if (builder.Add(line, out var reason) == ParseOutcome.Rejected)
        {
            Reject(reason);
        }
    }

    private void Reject(RejectReason reason)
    {
        RejectedCount++;
        if (_rejected.Count < maxListed)
        {
            _rejected.Add(RejectedLine.Of(Lines, reason));
        }
    }
}

using System.Security.Cryptography;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary>Splits a batch's body into lines as it arrives, and parses each line. Not thread-safe.</summary>
/// <param name="builder">Receives the events; must be empty.</param>
/// <param name="maxLineBytes">A line longer than this, without its LF or CRLF, is rejected and not held in memory.</param>
/// <param name="maxListed">Maximum length of <see cref="Rejected"/>. All rejected lines are counted.</param>
internal sealed class BatchLines(AppendGroupBuilder builder, int maxLineBytes, bool hashed, int maxListed) : IDisposable
{
    /// <summary>Maximum bytes of an ordinary line: ids and names are limited, and only unusual white space or extra fields make a line longer.</summary>
    private const int LongestPlainLine = 1024;

    private readonly IncrementalHash? _hash = hashed ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private readonly List<RejectedLine> _rejected = [];

    /// <summary>The first part of a line whose end has not arrived yet.</summary>
    private byte[] _carry = [];
    private int _carried;
    private bool _tooLong;

    public long Length { get; private set; }

    /// <summary>Number of lines so far, including blank ones.</summary>
    public int Lines { get; private set; }

    public int RejectedCount { get; private set; }

    public IReadOnlyList<RejectedLine> Rejected => _rejected;

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

    /// <summary>Completes the body: its last line needs no newline.</summary>
    public void Complete()
    {
        if (_carried > 0 || _tooLong)
        {
            EndCarriedLine();
        }
    }

    /// <summary>SHA-256 of the body; empty if hashing is off.</summary>
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
            // Too long even if the last byte is the \r of a CRLF.
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
            _rejected.Add(new RejectedLine(Lines, reason.Describe()));
        }
    }
}

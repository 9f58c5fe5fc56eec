using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RevenueAspire.EventLog.Format;
using RevenueAspire.Events;

namespace RevenueAspire.EventLog;

/// <summary>Turns request lines into a group of records (rule L3): validated, compact, with the server's fields. Not thread-safe;
/// reusable after <see cref="Build"/>.</summary>
/// <remarks>A record is <c>{...what the client
/// sent...,"timestamp":"2026-01-31T12:34:56.789Z"[,"caller":".."][,"idempotencyKey":"..","bodyHash":".."][,"traceparent":".."][,"batch":{..}]}</c>.
/// The server's fields stand on the last record of a batch only, for all of it, and end in
/// <c>"batch":{"from":offset,"count":n,"rejected":n,"crc":"8 hex digits"}</c>; the others are what the
/// client sent. A client's own fields of these names are removed, so recovery can tell any part of a torn batch from single
/// records: no record without a time stands alone.
/// A lone record has no <c>batch</c> unless lines were rejected beside it.</remarks>
public sealed class AppendGroupBuilder(EventTypes types, TimeProvider time)
{
    /// <summary>Characters of an idempotency key at most.</summary>
    public const int MaxKeyLength = 128;

    /// <summary>Leaves room for the server's fields in the largest record that recovery reads.</summary>
    private const int MaxLineBytes = RecordFields.MaxRecordBytes - 1024;

    /// <summary>Bytes of <c>,"timestamp":"2026-01-31T12:34:56.789Z"</c>, and where the time begins in it.</summary>
    private const int StampBytes = 39;
    private const int StampAt = 14;

    private readonly EventParser _parser = new(types);
    private readonly RecordBuffer _buffer = new();
    private readonly byte[] _stamp = new byte[StampBytes];
    private long _stampedMillisecond = -1;
    private int _lastRecord;

    /// <summary>Events added so far.</summary>
    public int Count { get; private set; }

    /// <summary>Names the parser's event types.</summary>
    public EventTypes Types { get; } = types;

    internal TimeProvider Time { get; } = time;

    /// <summary>Makes room for a group of so many bytes at once: growing to it would copy everything as often as it doubles, and
    /// hold old and new at the same time.</summary>
    /// <param name="bytes">A guess; 0 or less does nothing.</param>
    public void Reserve(int bytes)
    {
        if (bytes > 0)
        {
            _buffer.GetSpan(bytes);
        }
    }

    /// <summary>Parses one line (without newline) and adds it when it is an event.</summary>
    /// <param name="line">The line; copied. Up to 16 MB less the server's fields.</param>
    /// <param name="reason">Why it was rejected, else None.</param>
    public ParseOutcome Add(ReadOnlySpan<byte> line, out RejectReason reason)
    {
        if (line.Length > MaxLineBytes)
        {
            reason = RejectReason.TooLong;
            return ParseOutcome.Rejected;
        }

        var before = _buffer.Length;
        if (Count > 0)
        {
            _buffer.Append(EndOfRecord);
        }

        var record = _buffer.Length;
        var outcome = _parser.ParseAndCompact(line, _buffer, out var parsed);
        reason = parsed.Reason;
        if (outcome != ParseOutcome.Event)
        {
            _buffer.Length = before;
            return outcome;
        }

        _lastRecord = record;
        Count++;
        return outcome;
    }

    /// <summary>Adds the lines at the front of a text of many that programs write without white space (<see cref="EventParser.TryTakePlainLine"/>): parsed
    /// where they lie, and copied as they are.</summary>
    /// <param name="lines">Any bytes. A line is taken with its newline; the first one that is not plain, valid or not, ends the
    /// taking and is for <see cref="Add"/>.</param>
    /// <param name="count">Events added.</param>
    /// <returns>Bytes taken, which are whole lines.</returns>
    public int AddPlainLines(ReadOnlySpan<byte> lines, out int count)
    {
        count = 0;
        int taken = 0, last = 0, length;
        while ((length = _parser.TryTakePlainLine(lines[taken..], out _, out _)) > 0)
        {
            last = taken;
            taken += length;
            count++;
        }

        if (count > 0)
        {
            AddCompact(lines[..(taken - EndOfRecord.Length)], last, count);
        }

        return taken;
    }

    /// <summary>Completes the group and empties the builder. At least one event must have been added.</summary>
    /// <param name="idempotencyKey">1 to 128 visible ASCII characters, or null.</param>
    /// <param name="bodyHash">SHA-256 of the inflated body (32 bytes); needed with a key, else empty.</param>
    /// <param name="traceParent">W3C traceparent of the request, or null.</param>
    /// <param name="rejectedCount">Lines rejected beside the events.</param>
    /// <param name="caller">The caller that the key belongs to and that the record names; null for a caller without a name.</param>
    /// <exception cref="ArgumentException">The key, the hash or the trace is not as said.</exception>
    /// <exception cref="InvalidOperationException">No event was added.</exception>
    public AppendGroup Build(
        string? idempotencyKey = null, ReadOnlySpan<byte> bodyHash = default, string? traceParent = null, int rejectedCount = 0, CallerName? caller = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rejectedCount);
        if (Count == 0)
        {
            throw new InvalidOperationException("a group needs at least one event");
        }

        CheckArguments(idempotencyKey, bodyHash, traceParent);
        TakeTime();
        _buffer.Append(_stamp);
        if (caller is not null)
        {
            _buffer.Append(caller.Field);
        }

        UInt128 keyHash = default, shortBodyHash = default;
        if (idempotencyKey is not null)
        {
            (keyHash, shortBodyHash) = AppendKey(idempotencyKey, bodyHash, caller);
        }

        if (traceParent is not null)
        {
            _buffer.Append(""","traceparent":"""u8);
            AppendVisibleAscii(traceParent);
        }

        var hasClosing = Count > 1 || rejectedCount > 0;
        var crc = hasClosing ? Crc32C.Compute(_buffer.Written) : 0;
        if (!hasClosing)
        {
            _buffer.Append(EndOfRecord);
        }

        var (array, block, length) = _buffer.Detach();
        var group = new AppendGroup(array, block, length, _lastRecord, hasClosing, crc)
        {
            Count = Count,
            RejectedCount = rejectedCount,
            IdempotencyKey = idempotencyKey,
            KeyHash = keyHash,
            BodyHash = shortBodyHash,
        };
        Count = 0;
        return group;
    }

    /// <summary>Drops what was added, and gives the memory of much back: a builder that is not used any more is cleared.</summary>
    public void Clear()
    {
        _buffer.Clear();
        Count = 0;
    }

    /// <summary>What ends a record that is not its group's last one, and a plain line.</summary>
    private static ReadOnlySpan<byte> EndOfRecord => "}\n"u8;

    /// <summary>Adds events that are compact already.</summary>
    /// <param name="records">Their lines, the last one without its end.</param>
    /// <param name="last">Where the last one begins.</param>
    /// <param name="count">How many.</param>
    private void AddCompact(ReadOnlySpan<byte> records, int last, int count)
    {
        if (Count > 0)
        {
            _buffer.Append(EndOfRecord);
        }

        _lastRecord = _buffer.Length + last;
        _buffer.Append(records);
        Count += count;
    }

    private static void CheckArguments(string? key, ReadOnlySpan<byte> bodyHash, string? traceParent)
    {
        if (key is not null && (key.Length is 0 or > MaxKeyLength || !IsVisibleAscii(key)))
        {
            throw new ArgumentException($"an idempotency key has 1 to {MaxKeyLength} visible ASCII characters", nameof(key));
        }

        if (key is not null && bodyHash.Length != SHA256.HashSizeInBytes)
        {
            throw new ArgumentException("a key needs the SHA-256 of the body", nameof(bodyHash));
        }

        if (traceParent is not null && !IsVisibleAscii(traceParent))
        {
            throw new ArgumentException("a traceparent has visible ASCII characters only", nameof(traceParent));
        }
    }

    private static bool IsVisibleAscii(ReadOnlySpan<char> text) => !text.ContainsAnyExceptInRange('!', '~');

    /// <summary>One time a group: its events arrived together. Groups of the same millisecond carry the same text, which is made once.</summary>
    private void TakeTime()
    {
        var utc = Time.GetUtcNow().UtcDateTime;
        if (utc.Ticks / TimeSpan.TicksPerMillisecond != _stampedMillisecond)
        {
            _stampedMillisecond = utc.Ticks / TimeSpan.TicksPerMillisecond;
            ",\"timestamp\":\"yyyy-MM-ddTHH:mm:ss.fffZ\""u8.CopyTo(_stamp);
            utc.TryFormat(_stamp.AsSpan(StampAt), out _, "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        }
    }

    private (UInt128 Key, UInt128 Body) AppendKey(string key, ReadOnlySpan<byte> bodyHash, CallerName? caller)
    {
        _buffer.Append(""","idempotencyKey":"""u8);
        AppendVisibleAscii(key);
        _buffer.Append(""","bodyHash":" """u8[..^1]);
        Convert.TryToHexStringLower(bodyHash, _buffer.GetSpan(2 * bodyHash.Length), out var written);
        _buffer.Advance(written);
        _buffer.Append("\""u8);
        Span<byte> plain = stackalloc byte[MaxKeyLength];
        var length = Encoding.ASCII.GetBytes(key, plain);
        return (RecordFields.HashKey(caller is null ? default : caller.Utf8, plain[..length]), RecordFields.ShortenHash(bodyHash));
    }

    /// <summary>Writes a JSON string of visible ASCII, of which only the quote and the backslash need an escape.</summary>
    private void AppendVisibleAscii(string text)
    {
        var span = _buffer.GetSpan((2 * text.Length) + 2);
        var length = 0;
        span[length++] = (byte)'"';
        foreach (var character in text)
        {
            if (character is '"' or '\\')
            {
                span[length++] = (byte)'\\';
            }

            span[length++] = (byte)character;
        }

        span[length++] = (byte)'"';
        _buffer.Advance(length);
    }
}

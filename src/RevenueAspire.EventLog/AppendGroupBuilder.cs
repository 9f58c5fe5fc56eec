using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RevenueAspire.EventLog.Format;
using RevenueAspire.Events;

namespace RevenueAspire.EventLog;

/// <summary>Validates request lines and renders them as a group of compact records with the server's fields (rule L3). Not thread-safe; reusable after
/// <see cref="Build"/>.</summary>
/// <remarks>
/// <para>A record is <c>{clientFields,"timestamp":".."[,"caller":".."][,"idempotencyKey":"..","bodyHash":".."][,"traceparent":".."][,"batch":{..}]}</c>.</para>
/// <para>In a batch only the last record has the server's fields. It ends in <c>"batch":{"from":offset,"count":n,"rejected":n,"crc":"8 hex digits"}</c>. A
/// single record has <c>batch</c> only if lines of its request were rejected.</para>
/// <para>The builder removes a client's own fields of these names, so a record without <c>timestamp</c> is never a single record. By this, recovery
/// distinguishes a part of a torn batch from single records.</para>
/// </remarks>
public sealed class AppendGroupBuilder(EventTypes types, TimeProvider time)
{
    /// <summary>Maximum characters of an idempotency key.</summary>
    public const int MaxKeyLength = 128;

    /// <summary>Maximum bytes of a line. It leaves room for the server's fields, because recovery reads no record longer than <see
    /// cref="RecordFields.MaxRecordBytes"/>.</summary>
    private const int MaxLineBytes = RecordFields.MaxRecordBytes - 1024;

    /// <summary>Bytes of <c>,"timestamp":"2026-01-31T12:34:56.789Z"</c>, and the position of the time in it.</summary>
    private const int StampBytes = 39;
    private const int StampAt = 14;

    private readonly EventParser _parser = new(types);
    private readonly RecordBuffer _buffer = new();
    private readonly byte[] _stamp = new byte[StampBytes];
    private long _stampedMillisecond = -1;
    private int _lastRecord;

    /// <summary>Events added so far.</summary>
    public int Count { get; private set; }

    /// <summary>The event types that the parser accepts.</summary>
    public EventTypes Types { get; } = types;

    internal TimeProvider Time { get; } = time;

    /// <summary>Allocates memory for a large group in advance. Otherwise the buffer would double repeatedly, copying all bytes each time and holding the old
    /// and the new memory at once.</summary>
    /// <param name="bytes">Estimated bytes; 0 or less does nothing.</param>
    public void Reserve(int bytes)
    {
        if (bytes > 0)
        {
            _buffer.GetSpan(bytes);
        }
    }

    /// <summary>Parses one line (without newline) and adds it if it is an event.</summary>
    /// <param name="line">Copied. At most 16 MB less 1 KB for the server's fields.</param>
    /// <param name="reason">The reason of a rejection, else None.</param>
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

    /// <summary>Adds the plain lines at the beginning of a text (<see cref="EventParser.TryTakePlainLine"/>). These lines are already compact, so they are
    /// parsed in place and copied unchanged.</summary>
    /// <param name="lines">Any bytes. Stops at the first line that is not plain or has no newline; pass that line to <see cref="Add"/>.</param>
    /// <param name="count">Events added.</param>
    /// <returns>Bytes consumed, always whole lines.</returns>
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

    /// <summary>Completes the group and empties the builder. Needs at least one event.</summary>
    /// <param name="idempotencyKey">1 to 128 visible ASCII characters, or null.</param>
    /// <param name="bodyHash">SHA-256 of the inflated body (32 bytes); required with a key, else empty.</param>
    /// <param name="traceParent">W3C traceparent of the request, or null.</param>
    /// <param name="rejectedCount">Rejected lines of the request.</param>
    /// <param name="caller">Owner of the key; the record contains its name. Null for a caller without a name.</param>
    /// <exception cref="ArgumentException">The key, the hash or the trace violates its limits.</exception>
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

    /// <summary>Discards the added events and releases large memory. Call it on a builder that is no longer needed.</summary>
    public void Clear()
    {
        _buffer.Clear();
        Count = 0;
    }

    /// <summary>End of a plain line, and of each record except the last of its group.</summary>
    private static ReadOnlySpan<byte> EndOfRecord => "}\n"u8;

    /// <summary>Adds events that are already compact.</summary>
    /// <param name="records">Their lines, the last one without <see cref="EndOfRecord"/>.</param>
    /// <param name="last">Position of the last record.</param>
    /// <param name="count">Number of events.</param>
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

    /// <summary>Writes the timestamp, which all events of a group share because they arrived together. Groups in the same millisecond reuse the rendered
    /// text.</summary>
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

    /// <summary>Writes a JSON string of visible ASCII; only quote and backslash need an escape.</summary>
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

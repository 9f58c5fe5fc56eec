using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace RevenueAspire.EventLog.Format;

/// <summary>A record's role in its group.</summary>
internal enum RecordRole
{
    /// <summary>A complete group.</summary>
    Single,

    /// <summary>A record of a batch, but not the last. It is invalid without the later records of the batch. It has none of the server's fields; in older logs,
    /// it has the time and <c>"batch":{}</c>.</summary>
    Open,

    /// <summary>The last of its batch.</summary>
    Closing,
}

/// <summary>The server's fields of a record, as recovery needs them.</summary>
internal readonly struct RecordFields
{
    /// <summary>Maximum bytes of a record without newline. This program never writes a longer one.</summary>
    public const int MaxRecordBytes = 16 << 20;

    /// <summary>Maximum nesting: more than the event parser allows, so that recovery can read every accepted event.</summary>
    private const int MaxDepth = 128;

    /// <summary>Stack bytes for a caller's name and key: more than this program ever writes. Longer input is copied to the heap.</summary>
    private const int MaxStackBytes = 512;

    public RecordRole Role { get; init; }

    public long From { get; init; }

    public int Count { get; init; }

    public int RejectedCount { get; init; }

    public uint Crc { get; init; }

    /// <summary>End of the checksummed bytes, relative to the record's first byte: before <c>,"batch":</c>.</summary>
    public int CrcEnd { get; init; }

    public bool HasKey { get; init; }

    public UInt128 Key { get; init; }

    public UInt128 Body { get; init; }

    /// <summary>Hash of a key and its caller. Without a caller it is the hash of the key alone, as in older logs.</summary>
    /// <param name="caller">The caller's name; empty for a caller without one.</param>
    /// <param name="key">Visible ASCII. So the zero byte between name and key is unambiguous.</param>
    public static UInt128 HashKey(ReadOnlySpan<byte> caller, ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (caller.IsEmpty)
        {
            SHA256.HashData(key, hash);
            return BinaryPrimitives.ReadUInt128LittleEndian(hash);
        }

        var length = caller.Length + 1 + key.Length;
        var both = length <= MaxStackBytes ? stackalloc byte[length] : new byte[length];
        caller.CopyTo(both);
        both[caller.Length] = 0;
        key.CopyTo(both[(caller.Length + 1)..]);
        SHA256.HashData(both, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    public static UInt128 ShortenHash(ReadOnlySpan<byte> sha256) => BinaryPrimitives.ReadUInt128LittleEndian(sha256);

    /// <summary>Reads a line (without newline) as a record. False if this program did not write it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> line, out RecordFields fields)
    {
        fields = default;
        if (line.Length < 2 || line[0] != (byte)'{' || line[^1] != (byte)'}')
        {
            return false;
        }

        try
        {
            return TryReadObject(line, out fields);
        }
        catch (JsonException)
        {
            // Torn or damaged bytes are expected here, so this is not an error.
            return false;
        }
        catch (InvalidOperationException)
        {
            // Damaged bytes, such as an escaped caller that is not UTF-8.
            return false;
        }
    }

    private static bool TryReadObject(ReadOnlySpan<byte> line, out RecordFields fields)
    {
        fields = default;
        var json = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = MaxDepth });
        json.Read();
        var stamped = false;
        var result = new RecordFields();
        ReadOnlySpan<byte> caller = default, key = default, body = default;
        var keyIsEscaped = false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            // The server writes its field names without escapes, so comparing raw bytes is enough.
            var name = json.ValueSpan;
            var nameAt = (int)json.TokenStartIndex;
            json.Read();
            if (name.SequenceEqual("timestamp"u8))
            {
                stamped = json.TokenType == JsonTokenType.String;
            }
            else if (stamped && name.SequenceEqual("caller"u8) && json.TokenType == JsonTokenType.String)
            {
                // A 'caller' field before the time is a client's own field, which older logs keep.
                caller = json.ValueIsEscaped ? Encoding.UTF8.GetBytes(json.GetString()!) : json.ValueSpan;
            }
            else if (name.SequenceEqual("idempotencyKey"u8))
            {
                key = json.ValueSpan;
                keyIsEscaped = json.ValueIsEscaped;
            }
            else if (name.SequenceEqual("bodyHash"u8))
            {
                body = json.ValueSpan;
            }
            else if (name.SequenceEqual("batch"u8))
            {
                if (!TryReadBatch(ref json, nameAt, out result))
                {
                    return false;
                }

                continue;
            }

            json.Skip();
        }

        // Reject bytes after the object.
        if (json.TokenType != JsonTokenType.EndObject || json.BytesConsumed != line.Length || key.IsEmpty != body.IsEmpty)
        {
            return false;
        }

        if (!stamped)
        {
            fields = new RecordFields { Role = RecordRole.Open };
            return key.IsEmpty && result.Role == RecordRole.Single;
        }

        if (!key.IsEmpty)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            if (body.Length != 2 * hash.Length || Convert.FromHexString(body, hash, out _, out _) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            result = result with { HasKey = true, Key = HashKey(caller, keyIsEscaped ? Unescape(key) : key), Body = ShortenHash(hash) };
        }

        fields = result.Role == RecordRole.Single ? result with { Count = 1 } : result;
        return true;
    }

    private static bool TryReadBatch(ref Utf8JsonReader json, int nameAt, out RecordFields fields)
    {
        fields = default;
        if (json.TokenType != JsonTokenType.StartObject || nameAt < 1)
        {
            return false;
        }

        long from = -1;
        int count = -1, rejected = -1;
        uint? crc = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.ValueSpan;
            json.Read();
            if (name.SequenceEqual("from"u8) && json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var number))
            {
                from = number;
            }
            else if (name.SequenceEqual("count"u8) && json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var records))
            {
                count = records;
            }
            else if (name.SequenceEqual("rejected"u8) && json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var lines))
            {
                rejected = lines;
            }
            else if (name.SequenceEqual("crc"u8) && Utf8Parser.TryParse(json.ValueSpan, out uint value, out var used, 'x') && used == 8
                && json.ValueSpan.Length == 8)
            {
                crc = value;
            }
            else
            {
                return false;
            }
        }

        if (from < 0 && count < 0 && rejected < 0 && crc is null)
        {
            fields = new RecordFields { Role = RecordRole.Open };
            return true;
        }

        fields = new RecordFields { Role = RecordRole.Closing, From = from, Count = count, RejectedCount = rejected, Crc = crc ?? 0, CrcEnd = nameAt - 1 };
        return from >= 0 && count > 0 && rejected >= 0 && crc is not null;
    }

    /// <summary>Reverses the escapes of <see cref="AppendGroupBuilder"/>: quote and backslash.</summary>
    private static byte[] Unescape(ReadOnlySpan<byte> key)
    {
        var plain = new byte[key.Length];
        var length = 0;
        for (var i = 0; i < key.Length; i++)
        {
            if (key[i] == (byte)'\\')
            {
                i++;
            }

            plain[length++] = key[i];
        }

        return plain.AsSpan(0, length).ToArray();
    }
}

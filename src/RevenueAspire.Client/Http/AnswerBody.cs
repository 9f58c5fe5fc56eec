using System.Text.Json;

namespace RevenueAspire.Client.Http;

/// <summary>The members of an answer's JSON that the client needs, of a receipt and of problem details alike. Pure.</summary>
internal sealed class AnswerBody
{
    public Guid LogId { get; private set; }

    /// <summary>-1 without a receipt.</summary>
    public long ReceiptOffset { get; private set; } = -1;

    public int? Accepted { get; private set; }

    public int? RejectedCount { get; private set; }

    public List<BatchReject>? Rejected { get; private set; }

    public string? Title { get; private set; }

    public string? Detail { get; private set; }

    /// <summary>Reads a body; null when it is no JSON object or a member has another type than the contract says.</summary>
    public static AnswerBody? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            var body = new AnswerBody();
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && body.ReadMembers(ref reader) ? body : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Reads <c>32 hex digits:offset</c>.</summary>
    public static bool TryParseReceipt(ReadOnlySpan<char> text, out Guid logId, out long offset)
    {
        offset = -1;
        logId = default;
        return text.Length > 33 && text[32] == ':' && Guid.TryParseExact(text[..32], "N", out logId)
            && long.TryParse(text[33..], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out offset);
    }

    private bool ReadMembers(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("receipt"u8))
            {
                reader.Read();
                if (!ReadReceipt(ref reader))
                {
                    return false;
                }
            }
            else if (reader.ValueTextEquals("accepted"u8))
            {
                reader.Read();
                Accepted = reader.GetInt32();
            }
            else if (reader.ValueTextEquals("rejectedCount"u8))
            {
                reader.Read();
                RejectedCount = reader.GetInt32();
            }
            else if (reader.ValueTextEquals("rejected"u8))
            {
                reader.Read();
                Rejected = ReadRejected(ref reader);
            }
            else if (reader.ValueTextEquals("title"u8))
            {
                reader.Read();
                Title = reader.GetString();
            }
            else if (reader.ValueTextEquals("detail"u8))
            {
                reader.Read();
                Detail = reader.GetString();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return reader.TokenType == JsonTokenType.EndObject;
    }

    private bool ReadReceipt(ref Utf8JsonReader reader)
    {
        Span<char> text = stackalloc char[64];
        if (reader.TokenType != JsonTokenType.String || reader.HasValueSequence || reader.ValueSpan.Length > text.Length)
        {
            return false;
        }

        var length = reader.CopyString(text);
        if (!TryParseReceipt(text[..length], out var logId, out var offset))
        {
            return false;
        }

        LogId = logId;
        ReceiptOffset = offset;
        return true;
    }

    private static List<BatchReject> ReadRejected(ref Utf8JsonReader reader)
    {
        var list = new List<BatchReject>();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new FormatException();
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var line = 0;
            var reason = "";
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("line"u8))
                {
                    reader.Read();
                    line = reader.GetInt32();
                }
                else if (reader.ValueTextEquals("reason"u8))
                {
                    reader.Read();
                    reason = reader.GetString() ?? "";
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }

            list.Add(new BatchReject(line, reason));
        }

        return list;
    }
}

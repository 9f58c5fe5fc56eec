namespace RevenueAspire.Api.Requests;

/// <summary>The header <c>Idempotency-Key</c>.</summary>
internal static class IdempotencyKey
{
    public const string Header = "Idempotency-Key";

    /// <summary>Maximum length of a key, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>Reads the key.</summary>
    /// <returns>False for a key that is repeated, empty, too long, or not visible ASCII. True with a null key if the header is absent.</returns>
    public static bool TryRead(IHeaderDictionary headers, out string? key)
    {
        var values = headers[Header];
        key = values.Count == 0 ? null : values[0] ?? "";
        return key is null || (values.Count == 1 && key.Length is > 0 and <= MaxLength && !key.AsSpan().ContainsAnyExceptInRange('!', '~'));
    }
}

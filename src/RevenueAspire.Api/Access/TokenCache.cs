using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;

namespace RevenueAspire.Api.Access;

/// <summary>A validated token.</summary>
/// <param name="Caller">The claims that the API uses.</param>
/// <param name="Expires">From this time on, the token is refused.</param>
internal sealed record ValidToken(ClaimsPrincipal Caller, DateTimeOffset Expires)
{
    public bool MaySend { get; } = Caller.HasScope(Scopes.Write);

    public bool MayRead { get; } = Caller.HasScope(Scopes.Read);

    /// <summary>The token's caller; null before its first event.</summary>
    public Caller? Sender { get; set; }
}

/// <summary>Remembers validated tokens, so the caller's next request costs a look-up instead of a signature check. Thread-safe.</summary>
/// <remarks>Contains only valid tokens, so forged tokens evict nothing. A look-up compares the whole token. A full cache drops all tokens, and each token in
/// use returns after its next validation.</remarks>
internal sealed class TokenCache
{
    private const int MaxCharacters = 16 << 20;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, ValidToken> _tokens = new(new SignatureHash());
    private readonly ConcurrentDictionary<string, ValidToken>.AlternateLookup<ReadOnlySpan<char>> _byText;
    private readonly TimeProvider _time;
    private readonly int _maxTokens;
    private int _characters;

    public TokenCache(TimeProvider time, int maxTokens = 10_000)
    {
        (_time, _maxTokens) = (time, maxTokens);
        _byText = _tokens.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Number of remembered tokens, including expired ones.</summary>
    public int Count => _tokens.Count;

    public ValidToken? Find(ReadOnlySpan<char> token) => _byText.TryGetValue(token, out var known) && known.Expires > _time.GetUtcNow() ? known : null;

    public void Add(string token, ValidToken valid)
    {
        lock (_gate)
        {
            if (_tokens.Count >= _maxTokens || _characters + token.Length > MaxCharacters)
            {
                _tokens.Clear();
                _characters = 0;
            }

            if (_tokens.TryAdd(token, valid))
            {
                _characters += token.Length;
            }
        }
    }

    /// <summary>Compares whole tokens, but hashes only the end of the signature: the end differs between tokens, and hashing a whole kilobyte is
    /// slower.</summary>
    private sealed class SignatureHash : IEqualityComparer<string>, IAlternateEqualityComparer<ReadOnlySpan<char>, string>
    {
        private const int HashedCharacters = 32;

        public bool Equals(string? x, string? y) => x == y;

        public bool Equals(ReadOnlySpan<char> alternate, string other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] string obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<char> alternate) => string.GetHashCode(alternate[Math.Max(0, alternate.Length - HashedCharacters)..]);

        public string Create(ReadOnlySpan<char> alternate) => new(alternate);
    }
}

/// <summary>The cache for the signing keys in force. Thread-safe.</summary>
internal sealed class ValidTokens(TimeProvider time)
{
    private volatile TokenCache _current = new(time);

    /// <summary>The cache in use. Read this property before validating a token, and add the token to the returned cache. If the keys change during the
    /// validation, the token is then in the old cache, which no request reads.</summary>
    public TokenCache Current => _current;

    /// <summary>Forgets all tokens. Call it after new keys or new secrets are in force.</summary>
    public void Drop() => _current = new TokenCache(time);
}

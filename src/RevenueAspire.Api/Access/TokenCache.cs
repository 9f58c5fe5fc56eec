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
/// <remarks>
/// <para>Contains only valid tokens, so forged tokens evict nothing. A look-up compares the whole token.</para>
/// <para>Two generations limit the size. When the current generation is full, it replaces the previous one, whose tokens are dropped. A look-up moves a token
/// to the current generation.</para>
/// </remarks>
/// <param name="time">The clock for expiry.</param>
/// <param name="maxTokens">Maximum number of remembered tokens.</param>
internal sealed class TokenCache(TimeProvider time, int maxTokens = TokenCache.MaxTokens)
{
    private const int MaxTokens = 10_000;

    /// <summary>Maximum number of characters of all tokens. One generation takes up to 16 MB.</summary>
    private const int MaxCharacters = 16 << 20;

    private readonly Lock _gate = new();
    private volatile Generations _generations = new(new Generation(), new Generation());

    /// <summary>Number of remembered tokens, including expired ones.</summary>
    public int Count => _generations.Current.Tokens.Count + _generations.Former.Tokens.Count;

    /// <summary>Finds a validated token that has not expired.</summary>
    public ValidToken? Find(ReadOnlySpan<char> token)
    {
        var (current, former) = _generations;
        if (current.ByText.TryGetValue(token, out var known))
        {
            return known.Expires > time.GetUtcNow() ? known : null;
        }

        if (!former.ByText.TryGetValue(token, out var text, out known) || known.Expires <= time.GetUtcNow())
        {
            return null;
        }

        Add(text, known);
        return known;
    }

    /// <summary>Remembers a token after its validation.</summary>
    public void Add(string token, ValidToken valid)
    {
        lock (_gate)
        {
            var current = _generations.Current;
            if (current.Tokens.Count >= maxTokens / 2 || current.Characters + token.Length > MaxCharacters / 2)
            {
                _generations = new Generations(new Generation(), current);
                current = _generations.Current;
            }

            if (current.Tokens.TryAdd(token, valid))
            {
                current.Characters += token.Length;
            }
        }
    }

    private sealed record Generations(Generation Current, Generation Former);

    private sealed class Generation
    {
        public Generation() => ByText = Tokens.GetAlternateLookup<ReadOnlySpan<char>>();

        public ConcurrentDictionary<string, ValidToken> Tokens { get; } = new(SignatureHash.Instance);

        public ConcurrentDictionary<string, ValidToken>.AlternateLookup<ReadOnlySpan<char>> ByText { get; }

        public int Characters { get; set; }
    }

    /// <summary>Compares whole tokens, but hashes only the end of the signature: the end differs between tokens, and hashing a whole kilobyte is
    /// slower.</summary>
    private sealed class SignatureHash : IEqualityComparer<string>, IAlternateEqualityComparer<ReadOnlySpan<char>, string>
    {
        public static readonly SignatureHash Instance = new();

        private const int HashedCharacters = 32;

        public bool Equals(string? x, string? y) => x == y;

        public bool Equals(ReadOnlySpan<char> alternate, string other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] string obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<char> alternate) => string.GetHashCode(alternate[Math.Max(0, alternate.Length - HashedCharacters)..]);

        public string Create(ReadOnlySpan<char> alternate) => new(alternate);
    }
}

/// <summary>The cache for the signing keys in force. Thread-safe.</summary>
/// <param name="time">The clock for expiry.</param>
internal sealed class ValidTokens(TimeProvider time)
{
    private volatile TokenCache _current = new(time);

    /// <summary>The cache in use. Read this property before validating a token, and add the token to the returned cache. If the keys change during the
    /// validation, the token is then in the old cache, which no request reads.</summary>
    public TokenCache Current => _current;

    /// <summary>Forgets all tokens. Call it after new keys or new secrets are in force.</summary>
    public void Drop() => _current = new TokenCache(time);
}

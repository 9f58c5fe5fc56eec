using System.Globalization;
using System.Security.Claims;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Tests.Access;

public sealed class TokenCacheTests
{
    [Fact]
    public void A_token_is_found_by_all_its_characters()
    {
        var cache = new TokenCache(TimeProvider.System);
        var token = new string('a', 500) + new string('s', 40);
        cache.Add(token, Valid());

        Assert.NotNull(cache.Find(token));
        Assert.Null(cache.Find(string.Concat("b", token.AsSpan(1))));
        Assert.Null(cache.Find(token.AsSpan(1)));
        Assert.Null(cache.Find(token + "="));
        Assert.Null(cache.Find(""));
    }

    [Fact]
    public void An_expired_token_is_not_found()
    {
        var cache = new TokenCache(TimeProvider.System);
        cache.Add("token", Valid(TimeSpan.Zero));

        Assert.Null(cache.Find("token"));
    }

    [Fact]
    public void The_number_of_tokens_is_bounded_and_tokens_in_use_stay()
    {
        var cache = new TokenCache(TimeProvider.System, maxTokens: 100);
        cache.Add("used", Valid());

        for (var i = 0; i < 1000; i++)
        {
            cache.Add(i.ToString(CultureInfo.InvariantCulture), Valid());
            Assert.NotNull(cache.Find("used"));
            Assert.InRange(cache.Count, 1, 100);
        }

        Assert.Null(cache.Find("0"));
    }

    [Fact]
    public void The_number_of_characters_is_bounded()
    {
        var cache = new TokenCache(TimeProvider.System);

        for (var i = 0; i < 3000; i++)
        {
            cache.Add(string.Create(CultureInfo.InvariantCulture, $"{new string('x', 16_000)}{i}"), Valid());
        }

        Assert.InRange(cache.Count, 400, 1100);
    }

    private static ValidToken Valid(TimeSpan? lifetime = null) =>
        new(new ClaimsPrincipal(), TimeProvider.System.GetUtcNow() + (lifetime ?? TimeSpan.FromHours(1)));
}

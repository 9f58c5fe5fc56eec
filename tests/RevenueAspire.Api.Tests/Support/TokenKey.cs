using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>A real key pair that signs tokens.</summary>
internal sealed class TokenKey
{
    public const string Issuer = "https://issuer.test";
    public const string Audience = "revenue";

    private readonly SigningCredentials _credentials;

    private TokenKey(SecurityKey key, string algorithm, JsonWebKey published) =>
        (_credentials, Published) = (new SigningCredentials(key, algorithm), published);

    /// <summary>The public half, as an identity server publishes it.</summary>
    public JsonWebKey Published { get; }

    public static TokenKey Rsa(string id)
    {
        var rsa = RSA.Create(2048);
        var key = new RsaSecurityKey(rsa) { KeyId = id };
        return new TokenKey(
            key, SecurityAlgorithms.RsaSha256, JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(rsa.ExportParameters(false)) { KeyId = id }));
    }

    public static TokenKey Ec(string id)
    {
        var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = new ECDsaSecurityKey(ec) { KeyId = id };
        return new TokenKey(
            key, SecurityAlgorithms.EcdsaSha256,
            JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(ECDsa.Create(ec.ExportParameters(false))) { KeyId = id }));
    }

    /// <summary>A shared key.</summary>
    public static TokenKey Shared(byte[] bytes, string? id = null)
    {
        var key = new SymmetricSecurityKey(bytes) { KeyId = id };
        return new TokenKey(key, SecurityAlgorithms.HmacSha256, JsonWebKeyConverter.ConvertFromSymmetricSecurityKey(key));
    }

    /// <summary>Signs a token, by default valid for an hour. A claim with a null value is omitted.</summary>
    public string Sign(
        string scope = "events.write", TimeSpan? expiresIn = null, TimeSpan? validIn = null, string issuer = Issuer, string audience = Audience,
        params (string Name, object? Value)[] claims)
    {
        var now = DateTime.UtcNow;
        var all = new Dictionary<string, object?> { ["scope"] = scope, ["sub"] = "user1", ["client_id"] = "shop" };
        foreach (var (name, value) in claims)
        {
            all[name] = value;
        }

        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            NotBefore = now + (validIn ?? TimeSpan.FromHours(-2)),
            IssuedAt = now + (validIn ?? TimeSpan.FromHours(-2)),
            Expires = now + (expiresIn ?? TimeSpan.FromHours(1)),
            Claims = all.Where(claim => claim.Value is not null).ToDictionary(claim => claim.Key, claim => claim.Value!),
            SigningCredentials = _credentials,
        });
    }
}

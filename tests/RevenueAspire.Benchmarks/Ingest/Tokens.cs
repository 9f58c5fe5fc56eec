using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>Single events with a token, compared with a secret on the same server.</summary>
internal static class Tokens
{
    private const string Section = "--Authentication:Schemes:Bearer:";
    private const string Issuer = "benchmark";
    private const string Audience = "revenue";

    /// <summary>Compares both sides, alternating.</summary>
    /// <param name="collector">Base address that accepts telemetry exports.</param>
    /// <param name="settings">Size of the measurement.</param>
    public static async Task CompareAsync(string collector, Settings settings)
    {
        var key = RandomNumberGenerator.GetBytes(32);
        await using var api = await MeasuredServer.StartApiAsync(
            collector,
            $"{Section}ValidIssuer={Issuer}",
            $"{Section}ValidAudience={Audience}",
            $"{Section}SigningKeys:0:Issuer={Issuer}",
            $"{Section}SigningKeys:0:Value={Convert.ToBase64String(key)}");
        var token = "Bearer " + Create(key);
        foreach (var authorization in (string[])[token, Wrk.Secret])
        {
            await Wrk.RunWithAsync(api.Url, settings.Connections[0], Amounts.WarmUpSeconds, authorization);
        }

        foreach (var connections in settings.Connections)
        {
            List<double> tokens = [], secrets = [];
            for (var run = 0; run < settings.Runs; run++)
            {
                tokens.Add((await Wrk.RunWithAsync(api.Url, connections, settings.Seconds, token)).RequestsPerSecond);
                secrets.Add((await Wrk.RunWithAsync(api.Url, connections, settings.Seconds, Wrk.Secret)).RequestsPerSecond);
            }

            Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "with a token", tokens, "with a secret", secrets);
        }
    }

    /// <summary>Creates a token of about the size that identity servers issue.</summary>
    private static string Create(byte[] key)
    {
        var claims = new Dictionary<string, object>
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["client_id"] = "benchmark",
            ["scope"] = "events.write",
            ["exp"] = DateTimeOffset.UtcNow.AddDays(1).ToUnixTimeSeconds(),
            ["padding"] = new string('x', 400),
        };
        var text = $"{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new { alg = "HS256", typ = "JWT" }))}."
            + Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims));
        return $"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(text)))}";
    }
}

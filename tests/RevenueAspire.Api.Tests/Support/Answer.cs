using System.Net;
using System.Text.Json;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>An answer of the API.</summary>
internal sealed class Answer(HttpResponseMessage response, string body)
{
    private readonly Dictionary<string, string> _headers = response.Headers.Concat(response.Content.Headers)
        .ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);

    public int Status { get; } = (int)response.StatusCode;

    public string Body { get; } = body;

    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string? Receipt => Json.GetProperty("receipt").GetString();

    public string? Header(string name) => _headers.GetValueOrDefault(name);

    public Answer Expect(HttpStatusCode status)
    {
        Assert.True(Status == (int)status, $"expected {(int)status}, got {Status}: {Body}");
        return this;
    }

    /// <summary>Checks that the answer is a problem in the documented form: media type, members, field.</summary>
    public Answer ExpectProblem(int status, string? field)
    {
        Assert.True(Status == status, $"expected {status}, got {Status}: {Body}");
        Assert.Equal("application/problem+json", Header("Content-Type"));
        Assert.Equal(status, Json.GetProperty("status").GetInt32());
        Assert.NotEqual("", Json.GetProperty("title").GetString());
        Assert.NotEqual("", Json.GetProperty("detail").GetString());
        Assert.Equal("about:blank", Json.GetProperty("type").GetString());
        Assert.Equal(field, Json.TryGetProperty("field", out var named) ? named.GetString() : null);
        if (status == 503)
        {
            Assert.InRange(int.Parse(Header("Retry-After")!), 1, 60);
        }

        return this;
    }
}

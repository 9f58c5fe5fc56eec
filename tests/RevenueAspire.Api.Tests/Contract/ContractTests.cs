using System.Net;
using System.Text.Json;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Live;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Tests.Contract;

public sealed class ContractTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_document_lists_exactly_the_mapped_routes_and_methods()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var document = await DocumentAsync(api);

        var mapped = api.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
                .Select(method => $"{method} /{endpoint.RoutePattern.RawText!.TrimStart('/')}"))
            .Where(route => route != "GET /openapi/v1.json" && !route.StartsWith("HEAD ", StringComparison.Ordinal)).Order();
        var listed = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}")).Order();
        Assert.Equal(mapped, listed);
    }

    [Fact]
    public async Task The_credentials_of_each_call_are_those_of_its_policy()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var paths = (await DocumentAsync(api)).GetProperty("paths");

        foreach (var endpoint in api.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.RoutePattern.RawText != "/openapi/v1.json"))
        {
            var call = paths.GetProperty("/" + endpoint.RoutePattern.RawText!.TrimStart('/')).EnumerateObject().Single().Value;
            Assert.Equal(
                endpoint.Metadata.GetMetadata<IAuthorizeData>()?.Policy switch
                {
                    AccessPolicies.Send => """[{"secret":[]},{"bearer":["events.write"]}]""",
                    AccessPolicies.Read => """[{},{"secret":[]},{"bearer":["ledger.read"]}]""",
                    AccessPolicies.ReadUser => """[{},{"secret":[]},{"bearer":["ledger.read"]},{"bearer":["ledger.read.own"]}]""",
                    _ => "[]",
                },
                call.GetProperty("security").GetRawText().Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings(""));
        }
    }

    /// <summary>Compares names, types and required members with the serializer's, for all types that it writes except the history of the live page.</summary>
    [Fact]
    public async Task The_schemas_are_those_of_the_answers()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var schemas = (await DocumentAsync(api)).GetProperty("components").GetProperty("schemas").EnumerateObject()
            .Where(schema => schema.Name is not ("Event" or "Health" or "ReceiptAnswer")).ToDictionary(schema => schema.Name, schema => schema.Value);

        var answers = typeof(ApiJsonContext).GetProperties().Where(property => property.PropertyType.BaseType == typeof(JsonTypeInfo))
            .Select(property => (JsonTypeInfo)property.GetValue(ApiJsonContext.Default)!)
            .Where(type => type.Kind == JsonTypeInfoKind.Object && type.Type != typeof(LiveHistory)).ToList();
        Assert.Equal(answers.Select(type => type.Type.Name).Order(StringComparer.Ordinal), schemas.Keys.Order(StringComparer.Ordinal));
        var options = new JsonSerializerOptions(ApiJsonContext.Default.Options) { NumberHandling = JsonNumberHandling.Strict };
        foreach (var type in answers)
        {
            var expected = JsonSerializer.SerializeToElement(options.GetJsonSchemaAsNode(type.Type));
            var schema = schemas[type.Type.Name];
            Assert.Equal(Names(expected, "required"), Names(schema, "required"));
            Assert.Equal(
                expected.GetProperty("properties").EnumerateObject().Select(property => (property.Name, TypesOf(property.Value))),
                schema.GetProperty("properties").EnumerateObject().Select(property => (property.Name, TypesOf(property.Value))));
        }

        static string Names(JsonElement schema, string list) => string.Join(' ', schema.GetProperty(list).EnumerateArray().Select(name => name.GetString()));

        // The converter of digits has no schema, and a reference has no type.
        static string TypesOf(JsonElement schema) => schema.ValueKind == JsonValueKind.True ? "integer"
            : schema.TryGetProperty("oneOf", out _) ? "null object"
            : !schema.TryGetProperty("type", out var type) ? "object"
            : type.ValueKind == JsonValueKind.String ? type.GetString()!
            : string.Join(' ', type.EnumerateArray().Select(name => name.GetString()).Order());
    }

    [Fact]
    public async Task Each_call_has_a_summary_an_id_and_the_status_codes_that_it_can_answer()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var paths = (await DocumentAsync(api)).GetProperty("paths");

        string Statuses(string path, string method) =>
            string.Join(' ', paths.GetProperty(path).GetProperty(method).GetProperty("responses").EnumerateObject().Select(response => response.Name).Order());
        Assert.Equal("202 400 401 403 408 413 415 422 429 503", Statuses("/liveEvent", "post"));
        Assert.Equal("202 400 401 403 408 413 415 422 429 503", Statuses("/liveEvents", "post"));
        Assert.Equal("200 400 401 403 404 503", Statuses("/userEvents/{userid}", "get"));
        Assert.Equal("200 400 401 403 404 503", Statuses("/userEvents", "get"));
        Assert.Equal("200 400 401 403 404 503", Statuses("/receipts/{receipt}", "get"));
        foreach (var path in (string[])["/userEvents/{userid}/history", "/userHistory", "/userEvents/{userid}/revenue", "/userRevenue", "/revenue"])
        {
            Assert.Equal("200 400 401 403 404 410 503", Statuses(path, "get"));
        }

        Assert.Equal("200 401 403 503", Statuses("/liveLedger", "get"));
        Assert.Equal("200 401 403 503", Statuses("/liveEvents/state", "get"));
        Assert.Equal("200 503", Statuses("/health", "get"));
        foreach (var operation in paths.EnumerateObject().SelectMany(path => path.Value.EnumerateObject()))
        {
            Assert.NotEqual("", operation.Value.GetProperty("summary").GetString());
            Assert.NotEqual("", operation.Value.GetProperty("operationId").GetString());
        }
    }

    [Fact]
    public async Task Parameters_bodies_errors_and_the_secret_are_described()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var document = await DocumentAsync(api);

        Assert.StartsWith("3.1", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var post = document.GetProperty("paths").GetProperty("/liveEvent").GetProperty("post");
        JsonElement Resolve(JsonElement reference) => reference.GetProperty("$ref").GetString()!.Split('/').Skip(1)
            .Aggregate(document, (element, name) => element.GetProperty(name));
        Assert.Equal(["Idempotency-Key"], post.GetProperty("parameters").EnumerateArray().Select(one => Resolve(one).GetProperty("name").GetString()));
        Assert.True(post.GetProperty("requestBody").GetProperty("content").TryGetProperty("application/json", out var body));
        Assert.Equal(98, body.GetProperty("example").GetProperty("value").GetInt32());
        Assert.Equal("#/components/schemas/Problem", Resolve(post.GetProperty("responses").GetProperty("400")).GetProperty("content")
            .GetProperty("application/problem+json").GetProperty("schema").GetProperty("$ref").GetString());
        Assert.True(Resolve(post.GetProperty("responses").GetProperty("503")).GetProperty("headers").TryGetProperty("Retry-After", out _));
        Assert.True(post.GetProperty("security")[0].TryGetProperty("secret", out _));
        var scheme = document.GetProperty("components").GetProperty("securitySchemes").GetProperty("secret");
        Assert.Equal(("header", "Authorization"), (scheme.GetProperty("in").GetString(), scheme.GetProperty("name").GetString()));
        Assert.Equal("http bearer JWT", string.Join(' ', ((string[])["type", "scheme", "bearerFormat"]).Select(
            name => document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty(name).GetString())));
        string Security(string path, string method) => document.GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("security").GetRawText()
            .Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings("");
        Assert.Equal("""[{"secret":[]},{"bearer":["events.write"]}]""", Security("/liveEvents", "post"));
        Assert.Equal("""[{"secret":[]},{"bearer":["events.write"]}]""", Security("/liveEvents/state", "get"));
        Assert.Equal("""[{},{"secret":[]},{"bearer":["ledger.read"]}]""", Security("/liveLedger", "get"));
        foreach (var path in (string[])["/userEvents", "/userHistory", "/userEvents/{userid}/history", "/userRevenue", "/userEvents/{userid}/revenue"])
        {
            Assert.Equal("""[{},{"secret":[]},{"bearer":["ledger.read"]},{"bearer":["ledger.read.own"]}]""", Security(path, "get"));
        }

        Assert.Equal("""[{},{"secret":[]},{"bearer":["ledger.read"]}]""", Security("/revenue", "get"));
        var page = document.GetProperty("paths").GetProperty("/userHistory").GetProperty("get");
        Assert.Equal(["userId", "from", "to", "limit", "after"],
            page.GetProperty("parameters").EnumerateArray().Select(one => Resolve(one).GetProperty("name").GetString()));
        var forms = page.GetProperty("responses").GetProperty("200").GetProperty("content");
        Assert.Equal("string", forms.GetProperty("text/csv").GetProperty("schema").GetProperty("type").GetString());
        Assert.Equal(
            ["userId", "revenue", "items", "opening", "retainedFrom", "next"],
            forms.GetProperty("application/json").GetProperty("example").EnumerateObject().Select(member => member.Name));
        Assert.Equal(("[]", "[]"), (Security("/health", "get"), Security("/alive", "get")));
        var lines = document.GetProperty("paths").GetProperty("/liveEvents").GetProperty("post").GetProperty("requestBody").GetProperty("content");
        Assert.Equal(["application/jsonl", "application/x-ndjson"], lines.EnumerateObject().Select(type => type.Name));
        var listed = document.GetProperty("paths").GetProperty("/liveEvents").GetProperty("post").GetProperty("parameters").EnumerateArray()
            .Select(Resolve).Single(parameter => parameter.GetProperty("name").GetString() == "listed");
        Assert.Equal(("integer", 100, 100000), (listed.GetProperty("schema").GetProperty("type").GetString(),
            listed.GetProperty("schema").GetProperty("default").GetInt32(), listed.GetProperty("schema").GetProperty("maximum").GetInt32()));
        var schemas = document.GetProperty("components").GetProperty("schemas");
        Assert.Equal(["status", "title", "detail", "field", "rejectedCount", "rejected", "type"],
            schemas.GetProperty("Problem").GetProperty("properties").EnumerateObject().Select(property => property.Name));
        Assert.Equal("integer", schemas.GetProperty("UserRevenue").GetProperty("properties").GetProperty("revenue").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("POST", "/")]
    [InlineData("GET", "/page/none.js")]
    [InlineData("GET", "/page/../appsettings.json")]
    [InlineData("GET", "/vendor/..%2f..%2fappsettings.json")]
    [InlineData("GET", "/userEvents/a/b")]
    [InlineData("POST", "/liveEvent/x")]
    [InlineData("GET", "/createTable")]
    public async Task An_unknown_path_is_404_with_a_problem(string method, string path)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.SendAsync(new HttpMethod(method), path)).ExpectProblem(404, null);
    }

    [Fact]
    public async Task A_wrong_method_is_405_with_a_problem_that_names_the_right_one()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.GetAsync("/liveEvent")).ExpectProblem(405, null);

        Assert.Contains("use POST", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static async Task<JsonElement> DocumentAsync(ApiHost api) =>
        (await api.GetAsync("/openapi/v1.json", ("Authorization", null))).Expect(HttpStatusCode.OK).Json;
}

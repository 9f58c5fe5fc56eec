using Microsoft.OpenApi;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.OpenApi;

/// <summary>A parameter of a call, for the contract. The framework cannot infer it, because handlers read the request directly.</summary>
internal sealed record ApiParameter(string Name, ParameterLocation In, string Description, string Example, bool Required = false)
{
    /// <summary>A string by default.</summary>
    public OpenApiSchema Schema { get; init; } = new() { Type = JsonSchemaType.String };

    public static readonly ApiParameter IdempotencyKey = new(
        Requests.IdempotencyKey.Header, ParameterLocation.Header,
        "1 to 128 visible ASCII characters. A repeat with the same key and body gets the first answer; with a different body it gets 422.", "order-4711");

    public static readonly ApiParameter ContentEncoding = new("Content-Encoding", ParameterLocation.Header, "gzip for a compressed body.", "gzip");

    public static readonly ApiParameter Listed = new(
        "listed", ParameterLocation.Query, "Maximum number of rejected lines in the answer's list, 1 to 100000. rejectedCount counts all of them.", "1000")
    {
        Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = "100000", Default = Ingest.ListedParameter.Default },
    };

    public static readonly ApiParameter UserIdInPath = new(
        "userid", ParameterLocation.Path, "The user's id, percent-encoded once as UTF-8.", "user1", Required: true);

    public static readonly ApiParameter UserIdInQuery = new(
        "userId", ParameterLocation.Query, "The user's id, percent-encoded once as UTF-8; + is a space.", "user1", Required: true);

    public static readonly ApiParameter After = new(
        "after", ParameterLocation.Query, "A receipt. The answer waits until the ledger contains its event; 503 if that takes too long.", ExampleReceipt);

    public static readonly ApiParameter ReceiptInPath = new(
        "receipt", ParameterLocation.Path, "A receipt from the answer of a POST.", ExampleReceipt, Required: true);

    public static readonly ApiParameter From = Time("from", "Events of this time or later (RFC 3339).");

    public static readonly ApiParameter To = Time("to", "Events before this time (RFC 3339).") with { Example = "2026-02-01T00:00:00Z" };

    public static readonly ApiParameter Limit = new("limit", ParameterLocation.Query, "Maximum number of events. CSV without it contains all.", "100")
    {
        Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = "1000", Default = History.HistoryParameters.DefaultLimit },
    };

    public static readonly ApiParameter AfterItem = new(
        "after", ParameterLocation.Query, "The value of next in an earlier answer. The new answer continues there, with earlier events.", "AQAAAQAAAAAqAAA");

    public static readonly ApiParameter StepFrom = Time("from", "Start of the first step (RFC 3339).") with { Required = true };

    public static readonly ApiParameter StepTo =
        Time("to", "End of the last step, exclusive (RFC 3339).") with { Required = true, Example = "2026-02-01T00:00:00Z" };

    public static readonly ApiParameter Step = new("step", ParameterLocation.Query, "The length of a step.", "day", Required: true)
    {
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["hour", "day", "month"] },
    };

    private static ApiParameter Time(string name, string description) => new(name, ParameterLocation.Query, description, "2026-01-01T00:00:00Z")
    {
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
    };

    private const string ExampleReceipt = "0f8fad5bd9cb469fa16570867728950e:1042";
}

/// <summary>The body of a call, for the contract.</summary>
internal sealed record ApiBody(string Description, string Example, params string[] ContentTypes)
{
    private const string ExampleEvent = """{"userId":"user1","name":"add_revenue","value":98}""";

    public static readonly ApiBody Event = new("One event of at most 64 KB.", ExampleEvent, Requests.ContentTypes.Json);

    public static readonly ApiBody EventLines = new(
        "One event per line. A line has at most 64 KB, and the body at most 32 MB after decompression.", ExampleEvent + "\n"
            + """{"userId":"user2","name":"subtract_revenue","value":12}""" + "\n",
        Requests.ContentTypes.JsonLines, Requests.ContentTypes.NdJson);
}

/// <summary>Describes a call whose handler is a plain request delegate.</summary>
internal static class EndpointDescriptions
{
    /// <summary>The methods of a read. The contract lists only GET, since HEAD differs only in the missing body.</summary>
    public static readonly string[] Read = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps a call by GET and HEAD. It requires the right to read, unless another policy is given. The handler writes the same answer for both
    /// methods, and Kestrel omits the body of HEAD.</summary>
    public static IEndpointConventionBuilder MapRead(
        this IEndpointRouteBuilder app, string pattern, RequestDelegate handler, string policy = AccessPolicies.Read) =>
        app.MapMethods(pattern, Read, handler).RequireAuthorization(policy);

    /// <param name="endpoint">The endpoint.</param>
    /// <param name="handler">Its handler. The API explorer ignores endpoints that do not name their method.</param>
    /// <param name="name">The operation id.</param>
    /// <param name="tag">The group in the reference.</param>
    /// <param name="summary">A few words.</param>
    /// <param name="description">The guarantee, in full sentences.</param>
    public static IEndpointConventionBuilder Describe(
        this IEndpointConventionBuilder endpoint, RequestDelegate handler, string name, string tag, string summary, string description) =>
        endpoint.WithMetadata(handler.Method).WithName(name).WithTags(tag).WithSummary(summary).WithDescription(description);

    /// <summary>The answer on success.</summary>
    public static IEndpointConventionBuilder Produces<T>(this IEndpointConventionBuilder endpoint, int status) =>
        endpoint.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(T), [ContentTypes.Json]));

    /// <summary>The answers on failure, all problem details.</summary>
    public static IEndpointConventionBuilder ProducesProblems(this IEndpointConventionBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
        {
            endpoint.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(Problem), [ProblemResponse.ContentType]));
        }

        return endpoint;
    }
}

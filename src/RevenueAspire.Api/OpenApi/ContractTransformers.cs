using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Reads;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.OpenApi;

/// <summary>Adds the endpoints' metadata to the contract, and the health calls, which have no metadata.</summary>
internal static class ContractTransformers
{
    private const string SecretScheme = "secret";
    private const string BearerScheme = "bearer";

    /// <summary>A sum is a JSON integer, though the API stores it as text.</summary>
    public static Task DescribeDigits(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        if (context.JsonPropertyInfo?.CustomConverter is DigitsConverter)
        {
            schema.Type = JsonSchemaType.Integer;
            schema.Description = "An integer with any number of digits.";
            schema.Examples = [JsonValue.Create(68)];
        }

        return Task.CompletedTask;
    }

    /// <summary>Adds the parameters, the body and the credentials of a call.</summary>
    public static Task DescribeRequest(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Parameters = [.. metadata.OfType<ApiParameter>().Select(ToParameter)];
        operation.RequestBody = metadata.OfType<ApiBody>().Select(ToBody).SingleOrDefault();
        operation.Security = metadata.OfType<IAuthorizeData>().SingleOrDefault()?.Policy switch
        {
            AccessPolicies.Send => [Secret(context.Document), Bearer(context.Document, Scopes.Write)],
            AccessPolicies.Read => [[], Secret(context.Document), Bearer(context.Document, Scopes.Read)],
            AccessPolicies.ReadUser =>
                [[], Secret(context.Document), Bearer(context.Document, Scopes.Read), Bearer(context.Document, Scopes.ReadOwn)],
            _ => [],
        };

        foreach (var (status, response) in operation.Responses ?? [])
        {
            foreach (var (type, content) in response.Content ?? new Dictionary<string, OpenApiMediaType>())
            {
                var example = type == ProblemResponse.ContentType ? ApiExample.Problems[status]
                    : metadata.OfType<ApiExample>().Single(example => example.Status == status && example.ContentType == type).Json;
                content.Example = type == ContentTypes.Csv ? JsonValue.Create(example) : JsonNode.Parse(example);
                if (type == ContentTypes.Csv)
                {
                    content.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Description = "A header line, and one line per event." };
                }
            }
        }

        foreach (var refusal in (operation.Responses ?? []).Where(response => response.Key is "429" or "503").Select(response => response.Value)
            .OfType<OpenApiResponse>())
        {
            refusal.Headers = new Dictionary<string, IOpenApiHeader>
            {
                ["Retry-After"] = new OpenApiHeader
                {
                    Description = "Seconds to wait before the next attempt.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
                },
            };
        }

        return Task.CompletedTask;
    }

    /// <summary>Adds the title, the credentials, and the health calls.</summary>
    public static Task DescribeDocument(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "RevenueAspire API",
            Version = "v1",
            Description = "Accepts revenue events and returns the revenue of each user. An accepted event is on disk. Errors are problem details "
                + "(RFC 9457) that name the invalid field. Every GET call also accepts HEAD.",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        // A relative address, because the client already knows the API's address.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [SecretScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "Authorization",
                Description = "The header's whole value is the secret: one of Ingest:Secrets to send, one of Ingest:ReadSecrets to read.",
            },
            [BearerScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "A token (RFC 6750), if Authentication:Schemes:Bearer is configured. Scopes: "
                    + string.Join(" ", Scopes.All.Select(scope => $"{scope.Key}: {scope.Value}")),
            },
        };
        document.Tags = new HashSet<OpenApiTag>
        {
            new() { Name = "Send", Description = "Send events. An accepted event is on disk." },
            new() { Name = "Read", Description = "Read the ledger. Needs a secret or token if Ingest:ReadSecrets or tokens are configured." },
            new() { Name = "Health", Description = "For probes. Needs no secret or token; details need the right to read." },
        };
        foreach (var path in document.Paths.Values)
        {
            path.Operations?.Remove(HttpMethod.Head);
        }

        document.Paths.Add("/health", Health(
            document, "health", "Readiness", "Healthy, or Degraded. For example, Degraded while the database is unavailable and the API accepts events.",
            "Unhealthy. For example, the log cannot be written."));
        document.Paths.Add("/alive", Health(document, "alive", "Liveness", "The process is running.", "The process must be restarted."));
        return Task.CompletedTask;
    }

    private static OpenApiSecurityRequirement Secret(OpenApiDocument? document) => new() { [new OpenApiSecuritySchemeReference(SecretScheme, document)] = [] };

    private static OpenApiSecurityRequirement Bearer(OpenApiDocument? document, string scope) =>
        new() { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [scope] };

    private static OpenApiParameter ToParameter(ApiParameter parameter) => new()
    {
        Name = parameter.Name,
        In = parameter.In,
        Description = parameter.Description,
        Required = parameter.Required,
        Example = parameter.Schema.Type == JsonSchemaType.Integer ? JsonNode.Parse(parameter.Example) : JsonValue.Create(parameter.Example),
        Schema = parameter.Schema,
    };

    private static OpenApiRequestBody ToBody(ApiBody body) => new()
    {
        Required = true,
        Description = body.Description,
        Content = body.ContentTypes.ToDictionary(type => type, type => new OpenApiMediaType
        {
            Schema = type == ContentTypes.Json ? EventSchema() : new OpenApiSchema { Type = JsonSchemaType.String, Description = "One event per line." },
            Example = type == ContentTypes.Json ? JsonNode.Parse(body.Example) : JsonValue.Create(body.Example),
        }),
    };

    private static OpenApiSchema EventSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "userId", "name", "value" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["userId"] = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, Description = "1 to 256 bytes of UTF-8 without U+0000." },
            ["name"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "add_revenue or subtract_revenue, unless the section EventTypes defines other names."
            },
            ["value"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Description = "No fraction and no exponent. May be negative." },
        },
        AdditionalPropertiesAllowed = true,
        Description = "The log keeps additional fields.",
    };

    private static OpenApiPathItem Health(OpenApiDocument document, string name, string summary, string good, string bad) => new()
    {
        Operations = new Dictionary<HttpMethod, OpenApiOperation>
        {
            [HttpMethod.Get] = new()
            {
                OperationId = name,
                Tags = new HashSet<OpenApiTagReference> { new("Health", document) },
                Summary = summary,
                Security = [],
                Responses = new OpenApiResponses { ["200"] = HealthResponse(good), ["503"] = HealthResponse(bad) },
            },
        },
    };

    private static OpenApiResponse HealthResponse(string description) => new()
    {
        Description = description,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            [ContentTypes.Json] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Properties = new Dictionary<string, IOpenApiSchema>
                    {
                        ["status"] = new OpenApiSchema
                        {
                            Type = JsonSchemaType.String,
                            Enum = [JsonValue.Create("Healthy"), JsonValue.Create("Degraded"), JsonValue.Create("Unhealthy")]
                        },
                        ["checks"] = new OpenApiSchema
                        {
                            Type = JsonSchemaType.Object,
                            Description = "The status of each check, by name. A caller with the right to read also gets description and data; outside "
                                + "Development it needs a secret or token for them."
                        },
                    },
                },
            },
        },
    };
}

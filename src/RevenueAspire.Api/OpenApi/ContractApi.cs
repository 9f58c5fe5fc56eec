using System.Text.Json.Serialization;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.OpenApi;

/// <summary><c>GET /openapi/v1.json</c>: the contract, in every environment.</summary>
internal static class ContractApi
{
    public static WebApplicationBuilder AddContract(this WebApplicationBuilder builder)
    {
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJsonContext.Default);
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        builder.Services.AddOpenApi("v1", options => options
            .AddSchemaTransformer(ContractTransformers.DescribeDigits)
            .AddOperationTransformer(ContractTransformers.DescribeRequest)
            .AddDocumentTransformer(ContractTransformers.DescribeDocument));
        return builder;
    }

    public static WebApplication MapContract(this WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").WithMetadata(new HttpMethodMetadata(EndpointDescriptions.Read));
        return app;
    }
}

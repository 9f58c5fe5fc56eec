using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.History;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Api.Live;
using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.Requests;

/// <summary>The types of the API's answers. The contract, wwwroot/openapi/v1.json, describes their fields.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(BatchAnswer))]
[JsonSerializable(typeof(KeyStateAnswer))]
[JsonSerializable(typeof(UserRevenue))]
[JsonSerializable(typeof(ReceiptState))]
[JsonSerializable(typeof(LiveSnapshot))]
[JsonSerializable(typeof(LiveHistory))]
[JsonSerializable(typeof(UserHistoryAnswer))]
[JsonSerializable(typeof(RevenueStepsAnswer))]
internal sealed partial class ApiJsonContext : JsonSerializerContext;

/// <summary>Their format: camel case, no nulls, and unescaped text, so that user ids in any script stay readable. Unescaped text is safe because no answer is
/// embedded in an HTML page.</summary>
internal static class ApiJson
{
    private static readonly JsonSerializerOptions Options = new(ApiJsonContext.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The serializer metadata of a type that <see cref="ApiJsonContext"/> lists.</summary>
    public static JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));
}

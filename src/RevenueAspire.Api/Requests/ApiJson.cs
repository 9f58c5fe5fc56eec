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

/// <summary>The types that the API answers with.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(ReceiptAnswer))]
[JsonSerializable(typeof(BatchAnswer))]
[JsonSerializable(typeof(KeyStateAnswer))]
[JsonSerializable(typeof(UserRevenue))]
[JsonSerializable(typeof(ReceiptState))]
[JsonSerializable(typeof(LiveSnapshot))]
[JsonSerializable(typeof(LiveHistory))]
[JsonSerializable(typeof(UserHistoryAnswer))]
[JsonSerializable(typeof(RevenueStepsAnswer))]
internal sealed partial class ApiJsonContext : JsonSerializerContext;

/// <summary>How they are written: camel case, no nulls, and text as it is (a user id in any script stays readable; nothing here is ever part of a
/// page).</summary>
internal static class ApiJson
{
    private static readonly JsonSerializerOptions Options = new(ApiJsonContext.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>How to write a type that is listed above.</summary>
    public static JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));
}

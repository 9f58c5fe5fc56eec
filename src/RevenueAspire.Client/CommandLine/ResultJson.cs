using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Client.CommandLine;

/// <summary>Serializes the objects that <c>--json</c> prints.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SendResult))]
[JsonSerializable(typeof(LoadResult))]
internal sealed partial class ResultJson : JsonSerializerContext
{
    /// <summary>Escapes only the characters that JSON requires, because people also read the output.</summary>
    public static ResultJson Relaxed { get; } =
        new(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Requests;

/// <summary>Maps calls by GET and HEAD. The handler writes the same answer for both methods, and Kestrel omits the body of HEAD.</summary>
internal static class Routes
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps a call that requires the right to read, unless another policy is given.</summary>
    public static IEndpointConventionBuilder MapRead(
        this IEndpointRouteBuilder app, string pattern, RequestDelegate handler, string policy = AccessPolicies.Read) =>
        app.MapMethods(pattern, Methods, handler).RequireAuthorization(policy);

    /// <summary>Maps <c>GET /openapi/v1.json</c>: the contract, in every environment. It is a file below wwwroot.</summary>
    public static void MapContract(this WebApplication app)
    {
        var contract = app.Environment.WebRootFileProvider.GetFileInfo("openapi/v1.json");
        app.MapMethods("/openapi/v1.json", Methods, context =>
        {
            context.Response.ContentType = ContentTypes.Json;
            context.Response.ContentLength = contract.Length;
            return context.Response.SendFileAsync(contract, context.RequestAborted);
        });
    }
}

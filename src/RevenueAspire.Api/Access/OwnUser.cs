using Microsoft.AspNetCore.Authorization;
using Microsoft.IdentityModel.JsonWebTokens;
using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.Access;

/// <summary>The requirement to read one user: the right to read all users, or a token of that user.</summary>
internal sealed class ReadUserRequirement : IAuthorizationRequirement;

/// <summary>Compares the token's <c>sub</c> with the requested id. Decodes the id in the same way as the endpoint. Stateless.</summary>
internal sealed class ReadUserHandler : AuthorizationHandler<ReadUserRequirement, HttpContext>
{
    /// <inheritdoc/>
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ReadUserRequirement requirement, HttpContext resource)
    {
        if (context.User.HasScope(Scopes.Read)
            || (context.User.HasScope(Scopes.ReadOwn) && UserIdParameter.TryRead(resource, out var userId)
                && userId == context.User.FindFirst(JwtRegisteredClaimNames.Sub)?.Value))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}

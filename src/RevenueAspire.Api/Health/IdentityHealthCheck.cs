using Microsoft.Extensions.Diagnostics.HealthChecks;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>Degraded while the identity server's keys cannot be read. Secrets and tokens with a known key still work.</summary>
internal sealed class IdentityHealthCheck(IdentityServer identity) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        Dictionary<string, object>? data = identity.ReadAt is { } readAt ? new() { ["keysReadAt"] = readAt } : null;
        return Task.FromResult((identity.Failure, identity.HasKeys) switch
        {
            (null, true) => HealthCheckResult.Healthy("tokens are accepted", data),
            (null, false) => HealthCheckResult.Degraded("the API is still reading the identity server's keys", data: data),
            ({ } reason, true) => HealthCheckResult.Degraded(
                $"the identity server's keys cannot be read; tokens signed with known keys are accepted: {reason}", data: data),
            ({ } reason, false) => HealthCheckResult.Degraded(
                $"the identity server's keys cannot be read; requests with a token get 503: {reason}", data: data),
        });
    }
}

using Microsoft.Extensions.Diagnostics.HealthChecks;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>Degraded while the identity server's keys cannot be read: known keys, and secrets, continue to work.</summary>
internal sealed class IdentityHealthCheck(IdentityServer identity) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>();
        if (identity.ReadAt is { } readAt)
        {
            data["keysReadAt"] = readAt;
        }

        return Task.FromResult((identity.Failure, identity.HasKeys) switch
        {
            (null, true) => HealthCheckResult.Healthy("tokens are accepted", data),
            (null, false) => HealthCheckResult.Degraded("the identity server's keys are being read", data: data),
            ({ } reason, true) => HealthCheckResult.Degraded(
                $"the identity server's keys cannot be read; tokens of known keys are accepted: {reason}", data: data),
            ({ } reason, false) => HealthCheckResult.Degraded($"the identity server's keys cannot be read; tokens get 503: {reason}", data: data),
        });
    }
}

using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>What the model is published for.</summary>
internal enum PublishTarget
{
    /// <summary>Azure Container Apps with a managed Postgres: <c>azd up</c>, <c>aspire deploy</c>.</summary>
    Azure,

    /// <summary>Docker Compose with Postgres in a container, for a machine of one's own.</summary>
    Compose,
}

/// <summary>The setting <c>Publish:Target</c>.</summary>
internal static class PublishTargets
{
    /// <exception cref="ModelException">Neither of them.</exception>
    public static PublishTarget PublishTarget(this IDistributedApplicationBuilder builder) => builder.Configuration["Publish:Target"] switch
    {
        null or "" or "azure" => Publishing.PublishTarget.Azure,
        "compose" => Publishing.PublishTarget.Compose,
        var other => throw new ModelException($"Publish:Target is '{other}': it must be 'azure' or 'compose', or not set."),
    };
}

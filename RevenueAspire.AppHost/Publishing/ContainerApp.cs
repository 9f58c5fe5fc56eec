using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>A service as a container app of Azure. The model writes its own Bicep file, because azd's has only one replica and no probes.</summary>
internal static class ContainerApp
{
    /// <summary>Seconds from SIGTERM to SIGKILL; API and processor need up to 20.</summary>
    public const int StopSeconds = 40;

    /// <summary>Adds the service's Bicep file, with its image, environment, secrets, ingress, probes and a fixed number of replicas.</summary>
    public static void PublishAsContainerApp(this IResourceBuilder<ProjectResource> service, BicepModule environment)
    {
        var executionContext = service.ApplicationBuilder.ExecutionContext;
        var module = new BicepModule(
            service.Resource.Name,
            cancellationToken => DescribeAsync(service.Resource, environment, executionContext, cancellationToken));
        service.ApplicationBuilder.CreateResourceBuilder(module).WithManifestPublishingCallback(module.WriteAsync);
        service.WithAnnotation(new DeploymentTargetAnnotation(module));
    }

    private static async Task<BicepText> DescribeAsync(
        ProjectResource service,
        BicepModule environment,
        DistributedApplicationExecutionContext executionContext,
        CancellationToken cancellationToken)
    {
        var configuration = await ExecutionConfigurationBuilder.Create(service)
            .WithEnvironmentVariablesConfig()
            .BuildAsync(executionContext, NullLogger.Instance, cancellationToken);
        if (configuration.Exception is { } problem)
        {
            throw new DistributedApplicationException($"The environment of {service.Name} cannot be read.", problem);
        }

        var variables = configuration.EnvironmentVariablesWithUnprocessed
            .Select(variable => new Variable(variable.Key, variable.Value.Processed, IsSecret(variable.Value.Unprocessed)))
            .ToArray();
        var parameters = new Dictionary<string, string>
        {
            ["environmentId"] = environment.Output("AZURE_CONTAINER_APPS_ENVIRONMENT_ID").ValueExpression,
            // The Bicep file does not use this domain. But azd needs it to resolve the address of a service, and knows it only from a parameter.
            ["environmentDomain"] = environment.Output("AZURE_CONTAINER_APPS_ENVIRONMENT_DEFAULT_DOMAIN").ValueExpression,
            ["registryEndpoint"] = environment.Output("AZURE_CONTAINER_REGISTRY_ENDPOINT").ValueExpression,
            ["identityId"] = environment.Output("AZURE_CONTAINER_REGISTRY_MANAGED_IDENTITY_ID").ValueExpression,
            ["image"] = $"{{{service.Name}.containerImage}}",
        };
        if (service.GetEndpoints().Any())
        {
            parameters["port"] = $"{{{service.Name}.containerPort}}";
        }

        foreach (var variable in variables.Where(variable => !variable.IsFixed))
        {
            parameters[variable.Name] = variable.Value;
        }

        return new BicepText(Write(service, parameters, variables), parameters);
    }

    private static string Write(ProjectResource service, Dictionary<string, string> parameters, Variable[] variables)
    {
        var text = new BicepWriter();
        text.Line("param location string = resourceGroup().location");
        foreach (var parameter in parameters.Keys)
        {
            if (parameter == "environmentDomain")
            {
                text.Line("#disable-next-line no-unused-params");
            }
            else if (variables.Any(variable => variable.Name == parameter && variable.IsSecret))
            {
                text.Line("@secure()");
            }

            text.Line($"param {parameter} string");
        }

        text.Line();
        using (text.Block("resource app 'Microsoft.App/containerApps@2025-01-01' = {"))
        {
            text.Line($"name: {BicepWriter.Quote(service.Name)}");
            text.Line("location: location");
            using (text.Block("identity: {"))
            {
                text.Line("type: 'UserAssigned'");
                text.Line("userAssignedIdentities: { '${identityId}': {} }");
            }

            using (text.Block("properties: {"))
            {
                text.Line("environmentId: environmentId");
                WriteConfiguration(text, service, variables);
                WriteTemplate(text, service, variables);
            }
        }

        return text.ToString();
    }

    private static void WriteConfiguration(BicepWriter text, ProjectResource service, Variable[] variables)
    {
        using (text.Block("configuration: {"))
        {
            text.Line("activeRevisionsMode: 'Single'");
            text.Line("registries: [{ server: registryEndpoint, identity: identityId }]");
            if (service.GetEndpoints().FirstOrDefault() is { } endpoint)
            {
                // Azure would redirect http to https, which turns a POST into a GET. So internal callers also use https.
                var external = endpoint.EndpointAnnotation.IsExternal ? "true" : "false";
                text.Line($"ingress: {{ external: {external}, targetPort: int(port), transport: 'http', allowInsecure: false }}");
            }

            using (text.Block("secrets: [", "]"))
            {
                foreach (var variable in variables.Where(variable => variable.IsSecret))
                {
                    text.Line($"{{ name: {BicepWriter.Quote(variable.SecretName)}, value: {variable.Name} }}");
                }
            }
        }
    }

    private static void WriteTemplate(BicepWriter text, ProjectResource service, Variable[] variables)
    {
        using (text.Block("template: {"))
        {
            text.Line(string.Create(CultureInfo.InvariantCulture, $"terminationGracePeriodSeconds: {StopSeconds}"));
            var replicas = service.GetReplicaCount();
            text.Line(string.Create(CultureInfo.InvariantCulture, $"scale: {{ minReplicas: {replicas}, maxReplicas: {replicas} }}"));
            using (text.Block("containers: [{", "}]"))
            {
                text.Line($"name: {BicepWriter.Quote(service.Name)}");
                text.Line("image: image");
                using (text.Block("env: [", "]"))
                {
                    foreach (var variable in variables)
                    {
                        text.Line($"{{ name: {BicepWriter.Quote(variable.Name)}, {variable.Assignment} }}");
                    }
                }

                WriteProbes(text, service);
            }
        }
    }

    private static void WriteProbes(BicepWriter text, ProjectResource service)
    {
#pragma warning disable ASPIREPROBES001 // Experimental, as in ServiceConventions.
        var probes = service.Annotations.OfType<EndpointProbeAnnotation>().ToArray();
        if (probes.Length == 0)
        {
            return;
        }

        using (text.Block("probes: [", "]"))
        {
            foreach (var probe in probes)
            {
                using (text.Block("{"))
                {
                    text.Line($"type: '{probe.Type}'");
                    text.Line($"httpGet: {{ path: {BicepWriter.Quote(probe.Path)}, port: int(port) }}");
                    text.Line(string.Create(CultureInfo.InvariantCulture, $"initialDelaySeconds: {probe.InitialDelaySeconds}"));
                    text.Line(string.Create(CultureInfo.InvariantCulture, $"periodSeconds: {probe.PeriodSeconds}"));
                    text.Line(string.Create(CultureInfo.InvariantCulture, $"timeoutSeconds: {probe.TimeoutSeconds}"));
                    text.Line(string.Create(CultureInfo.InvariantCulture, $"failureThreshold: {probe.FailureThreshold}"));
                }
            }
        }
#pragma warning restore ASPIREPROBES001
    }

    /// <summary>Whether the value contains a secret parameter, directly or in a connection string.</summary>
    private static bool IsSecret(object? value) => value switch
    {
        ParameterResource parameter => parameter.Secret,
        IResourceWithConnectionString resource => IsSecret(resource.ConnectionStringExpression),
        IValueWithReferences values => values.References.Any(IsSecret),
        _ => false,
    };

    /// <param name="Name">Also the name of the Bicep parameter.</param>
    /// <param name="Value">A value, or an expression that azd resolves.</param>
    /// <param name="IsSecret">Whether Azure must keep the value as a secret.</param>
    private sealed record Variable(string Name, string Value, bool IsSecret)
    {
        public bool IsFixed => !Value.Contains('{', StringComparison.Ordinal);

        /// <summary>The name in Azure's required form: lower-case letters, digits and dashes.</summary>
        public string SecretName => Name.ToLowerInvariant().Replace('_', '-');

        public string Assignment => (IsSecret, IsFixed) switch
        {
            (true, _) => $"secretRef: {BicepWriter.Quote(SecretName)}",
            (_, true) => $"value: {BicepWriter.Quote(Value)}",
            _ => $"value: {Name}",
        };
    }
}

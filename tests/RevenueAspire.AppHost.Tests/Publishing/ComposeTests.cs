using System.Diagnostics;
using System.Globalization;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using RevenueAspire.AppHost.Model;
using RevenueAspire.AppHost.Publishing;
using RevenueAspire.Testing;
using YamlDotNet.RepresentationModel;

namespace RevenueAspire.AppHost.Tests.Publishing;

/// <summary>Compares <c>deploy/compose.yaml</c>, which is written by hand, with the model.</summary>
public sealed class ComposeTests
{
    private const string PostgresPassword = "${POSTGRES_PASSWORD:?Set POSTGRES_PASSWORD in .env}";
    private const string IngestSecret = "${INGEST_SECRET:?Set INGEST_SECRET in .env}";

    /// <summary>Expressions of the manifest, and their values in Compose.</summary>
    private static readonly Dictionary<string, string> Values = new()
    {
        ["{revenuedb.connectionString}"] = $"Host=postgres;Port=5432;Username=postgres;Password={PostgresPassword};Database=revenuedb",
        ["{ingest-secret.value}"] = IngestSecret,
        ["{read-secret.value}"] = "${READ_SECRET:?Set READ_SECRET in .env}",
        ["https://{api.bindings.http.host}"] = "http://api:8080",
    };

    /// <summary>Variables of the manifest that Compose does not need.</summary>
    private static readonly string[] OfAzure =
    [
        "OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY", // No collector.
        "ASPNETCORE_FORWARDEDHEADERS_ENABLED", // No proxy: a caller could claim any address.
        "HTTP_PORTS", // The image sets 8080.
        "API_HTTP", "services__api__http__0", // Client__Url has the address.
    ];

    /// <summary>Variables that the manifest lacks, because the host names on Azure are not known in advance.</summary>
    private static readonly string[] OfCompose = ["AllowedHosts"];

    private static readonly YamlMappingNode Services = Map(Read()["services"]);

    [Theory]
    [InlineData("api")]
    [InlineData("client")]
    [InlineData("processor")]
    public async Task A_service_has_the_environment_of_the_model(string service)
    {
        using var published = await PublishedModel.WriteAsync();

        var expected = published.Environment(service)
            .Where(variable => !OfAzure.Contains(variable.Key))
            .Select(variable => (variable.Key, Values.GetValueOrDefault(variable.Value, variable.Value)));
        Assert.Equal(expected.Order(), Environment(service).Where(variable => !OfCompose.Contains(variable.Name)).Order());
    }

    [Fact]
    public async Task The_services_their_replicas_and_their_start_order_match_the_model()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            ["--operation", "publish", "--Api:Replicas=1"]);
        var services = builder.Resources.OfType<ProjectResource>().ToArray();

        var names = services.Select(service => service.Name).Append("postgres");
        Assert.Equal(names.Order(StringComparer.Ordinal), Names(Services));
        foreach (var service in services)
        {
            Assert.Equal("revenueaspire-" + service.Name, Text(Service(service.Name)["image"]));
            Assert.Equal("never", Text(Service(service.Name)["pull_policy"]));
            var replicas = Service(service.Name).Children.TryGetValue("deploy", out var deploy) ? Text(deploy["replicas"]) : "1";
            Assert.Equal(service.GetReplicaCount().ToString(CultureInfo.InvariantCulture), replicas);

            var waitsFor = service.Annotations.OfType<WaitAnnotation>().Select(wait => wait.Resource.Name).Distinct();
            var dependencies = Map(Service(service.Name)["depends_on"]);
            Assert.Equal(waitsFor.Select(name => name == ModelDatabase.Name ? "postgres" : name).Order(StringComparer.Ordinal), Names(dependencies));
            Assert.All(dependencies.Children, dependency =>
            {
                Assert.Equal("service_healthy", Text(dependency.Value["condition"]));
                Assert.True(Service(Text(dependency.Key)).Children.ContainsKey("healthcheck"), $"{dependency.Key} has no health check");
            });
        }
    }

    [Fact]
    public async Task The_ports_match_the_model_and_are_open_only_to_this_machine()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(["--Postgres:Mode=local"]);

        foreach (var service in builder.Resources.OfType<ProjectResource>())
        {
            var expected = service.Annotations.OfType<EndpointAnnotation>()
                .Select(endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{endpoint.Port}:8080"));
            Assert.Equal(expected, Service(service.Name).Children.TryGetValue("ports", out var ports) ? ((YamlSequenceNode)ports).Select(Text) : []);
        }

        Assert.False(Service("postgres").Children.ContainsKey("ports"));
    }

    [Fact]
    public void Postgres_has_the_version_of_the_model_a_volume_and_time_to_stop_after_the_services()
    {
        Assert.Equal("postgres:" + ModelDatabase.PostgresTag, Text(Service("postgres")["image"]));
        Assert.Equal([("POSTGRES_DB", ModelDatabase.Name), ("POSTGRES_PASSWORD", PostgresPassword)], Environment("postgres").Order());
        // Images before 18 store their data in this path. With another path, the data would be lost with the container.
        Assert.Equal(["postgres-data:/var/lib/postgresql/data"], ((YamlSequenceNode)Service("postgres")["volumes"]).Select(Text));
        Assert.Equal(["client-home", "postgres-data"], Names(Map(Read()["volumes"])));
        foreach (var service in Names(Services))
        {
            Assert.Equal("unless-stopped", Text(Service(service)["restart"]));
            Assert.Equal(service == "postgres" ? "60s" : $"{ContainerApp.StopSeconds}s", Text(Service(service)["stop_grace_period"]));
        }
    }

    [Fact]
    public async Task The_health_check_of_the_API_succeeds_with_a_healthy_API_only()
    {
        using var folder = new TempDirectory();
        var port = FreePort.Next();
        var test = ((YamlSequenceNode)Service("api")["healthcheck"]["test"]).Select(Text).ToArray();
        Assert.Equal(["CMD", "bash", "-c"], test[..3]);
        // Compose doubles a dollar sign.
        var script = test[3]
            .Replace("$$", "$", StringComparison.Ordinal)
            .Replace("/8080", string.Create(CultureInfo.InvariantCulture, $"/{port}"), StringComparison.Ordinal);
        Assert.NotEqual(0, await BashAsync(script));

        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        await using var api = ServiceProcess.Start("RevenueAspire.Api", [$"--urls={url}", $"--Data:Directory={folder.Path}", "--Ingest:Secrets=s"]);
        await api.WaitForUrlAsync(url + "/alive");
        Assert.Equal(0, await BashAsync(script));
        Assert.NotEqual(0, await BashAsync(script.Replace("/health", "/receipts/none", StringComparison.Ordinal)));
    }

    private static async Task<int> BashAsync(string script)
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardError = true })!;
        await bash.StandardError.ReadToEndAsync();
        await bash.WaitForExitAsync();
        return bash.ExitCode;
    }

    private static YamlMappingNode Read()
    {
        using var file = File.OpenText(Path.Combine(Repository.Root, "deploy", "compose.yaml"));
        var yaml = new YamlStream();
        yaml.Load(file);
        return Map(yaml.Documents.Single().RootNode);
    }

    private static YamlMappingNode Service(string name) => Map(Services[name]);

    private static IEnumerable<(string Name, string Value)> Environment(string service) =>
        Map(Service(service)["environment"]).Children.Select(variable => (Text(variable.Key), Text(variable.Value)));

    /// <summary>The keys, sorted.</summary>
    private static IEnumerable<string> Names(YamlMappingNode map) => map.Children.Keys.Select(Text).Order(StringComparer.Ordinal);

    private static YamlMappingNode Map(YamlNode node) => (YamlMappingNode)node;

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}

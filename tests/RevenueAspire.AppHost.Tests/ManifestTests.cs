using System.Text.Json;
using System.Text.RegularExpressions;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Testing;
using YamlDotNet.RepresentationModel;

namespace RevenueAspire.AppHost.Tests;

/// <summary>What is published: the manifest that azd reads, and the files for Docker Compose.</summary>
public sealed partial class ManifestTests
{
    [Fact]
    public async Task For_Azure_the_log_is_in_a_managed_Postgres_and_no_secret_is_in_clear()
    {
        using var folder = new TempDirectory();
        await PublishAsync(folder, "publish-manifest", replicas: (2, 3));

        var text = await File.ReadAllTextAsync(folder.File("aspire-manifest.json"));
        using var manifest = JsonDocument.Parse(text);
        var resources = manifest.RootElement.GetProperty("resources");
        var expected = (string[])["api", "client", "cloud", "ingest-secret", "postgres", "postgres-kv", "postgres-password", "processor", "read-secret", "revenuedb"];
        Assert.Subset(resources.EnumerateObject().Select(r => r.Name).ToHashSet(), expected.ToHashSet());
        Assert.Equal("azure.bicep.v0", resources.GetProperty("postgres").GetProperty("type").GetString());
        Assert.Equal("{postgres-password.value}", resources.GetProperty("postgres").GetProperty("params").GetProperty("administratorLoginPassword").GetString());
        Assert.Equal("{postgres-kv.secrets.connectionstrings--revenuedb}", resources.GetProperty("revenuedb").GetProperty("connectionString").GetString());

        foreach (var service in (string[])["api", "processor"])
        {
            Assert.Equal("{revenuedb.connectionString}", Environment(resources, service, "ConnectionStrings__revenuedb"));
            Assert.Equal("Postgres", Environment(resources, service, "EventLog__Engine"));
        }

        Assert.Equal("{ingest-secret.value}", Environment(resources, "api", "Ingest__Secrets__0"));
        Assert.Equal("{read-secret.value}", Environment(resources, "api", "Ingest__ReadSecrets__0"));
        Assert.Equal("{ingest-secret.value}", Environment(resources, "client", "Client__Secret"));
        Assert.Equal("https+http://api", Environment(resources, "client", "Client__Url"));
        Assert.Equal("{api.bindings.http.url}", Environment(resources, "client", "services__api__http__0"));
        // A container forgets that it has sent the sample.
        Assert.Equal("false", Environment(resources, "client", "Client__SendOnStart"));
        Assert.True(resources.GetProperty("api").GetProperty("bindings").GetProperty("http").GetProperty("external").GetBoolean());
        Assert.False(resources.GetProperty("client").GetProperty("bindings").GetProperty("http").TryGetProperty("external", out _));
        Assert.False(resources.GetProperty("processor").TryGetProperty("bindings", out _));

        foreach (var parameter in (string[])["ingest-secret", "read-secret", "postgres-password"])
        {
            var input = resources.GetProperty(parameter).GetProperty("inputs").GetProperty("value");
            Assert.True(input.GetProperty("secret").GetBoolean(), parameter);
            Assert.False(input.TryGetProperty("default", out var byDefault) && byDefault.TryGetProperty("value", out _), parameter);
        }

        // What Azure asks of a password.
        var generated = resources.GetProperty("postgres-password").GetProperty("inputs").GetProperty("value").GetProperty("default").GetProperty("generate");
        Assert.All((string[])["minLower", "minUpper", "minNumeric"], kind => Assert.Equal(1, generated.GetProperty(kind).GetInt32()));
        AssertNoFolders(text);
    }

    [Fact]
    public async Task For_Docker_Compose_Postgres_has_a_volume_and_its_database_and_no_secret_is_in_clear()
    {
        using var folder = new TempDirectory();
        await PublishAsync(folder, "publish", replicas: (3, 4), "--Publish:Target=compose");

        var text = await File.ReadAllTextAsync(folder.File("docker-compose.yaml"));
        var services = ReadServices(text);
        Assert.Equal(["api", "client", "postgres", "processor"], services.Keys.Order(StringComparer.Ordinal));
        // Only the API is reached from outside.
        Assert.Equal(["api"], services.Where(service => service.Value.Children.ContainsKey("ports")).Select(service => service.Key));
        Assert.All(services.Values, service => Assert.Equal("unless-stopped", service["restart"].ToString()));
        // Whatever is secret is asked for in .env.
        var environment = services.Values.SelectMany(service => ((YamlMappingNode)service["environment"]).Children).Select(pair => (Name: pair.Key.ToString(), Value: pair.Value.ToString()));
        Assert.All(
            environment.Where(variable => variable.Name.Contains("secret", StringComparison.OrdinalIgnoreCase) || variable.Name.EndsWith("PASSWORD", StringComparison.Ordinal)),
            variable => Assert.Matches("^[$][{][A-Z_]+[}]$", variable.Value));
        // Images before 18 keep their data there; another path would lose it with the container.
        Assert.Contains("image: \"docker.io/library/postgres:17.6\"", text, StringComparison.Ordinal);
        Assert.Contains("target: \"/var/lib/postgresql/data\"", text, StringComparison.Ordinal);
        // Nobody but the image creates it.
        Assert.Contains("POSTGRES_DB: \"revenuedb\"", text, StringComparison.Ordinal);
        Assert.Contains("POSTGRES_PASSWORD: \"${POSTGRES_PASSWORD}\"", text, StringComparison.Ordinal);
        Assert.Contains("Ingest__Secrets__0: \"${INGEST_SECRET}\"", text, StringComparison.Ordinal);
        Assert.Contains("Ingest__ReadSecrets__0: \"${READ_SECRET}\"", text, StringComparison.Ordinal);
        Assert.Equal(2, Count(text, "EventLog__Engine: \"Postgres\""));
        Assert.Equal(2, Count(text, "ConnectionStrings__revenuedb: \"Host=postgres;Port=5432;Username=postgres;Password=${POSTGRES_PASSWORD};Database=revenuedb\""));
        Assert.Equal(1, Count(text, "replicas: 3"));
        Assert.Equal(1, Count(text, "replicas: 4"));
        // One fixed port cannot serve three.
        Assert.DoesNotContain("8000:", text, StringComparison.Ordinal);
        AssertNoFolders(text);

        var values = (await File.ReadAllLinesAsync(folder.File(".env"))).Where(line => line.Length > 0 && line[0] != '#').ToArray();
        Assert.Contains("INGEST_SECRET=", values);
        Assert.Contains("READ_SECRET=", values);
        Assert.Contains("POSTGRES_PASSWORD=", values);
        Assert.Equal(values.Select(line => line.Split('=')[0]).Order(StringComparer.Ordinal), Asked().Matches(text).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>Reads the file as Docker does: as YAML.</summary>
    private static Dictionary<string, YamlMappingNode> ReadServices(string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        var root = (YamlMappingNode)yaml.Documents.Single().RootNode;
        return ((YamlMappingNode)root["services"]).Children.ToDictionary(service => service.Key.ToString(), service => (YamlMappingNode)service.Value);
    }

    [GeneratedRegex("[$][{]([A-Z_]+)[}]")]
    private static partial Regex Asked();

    private static async Task PublishAsync(TempDirectory folder, string step, (int Api, int Processor) replicas, params string[] arguments)
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            ["--operation", "publish", "--step", step, "--output-path", folder.Path, $"--Api:Replicas={replicas.Api}", $"--Processor:Replicas={replicas.Processor}", .. arguments]);
        await using var app = await builder.BuildAsync();
        var model = app.Services.GetRequiredService<DistributedApplicationModel>();
        Assert.All(model.Resources.OfType<ParameterResource>().Where(parameter => parameter.Name != "postgres-username"), parameter => Assert.True(parameter.Secret, parameter.Name));
        var services = model.Resources.OfType<ProjectResource>().ToDictionary(service => service.Name);
        Assert.Equal((replicas.Api, 1, replicas.Processor), (services["api"].GetReplicaCount(), services["client"].GetReplicaCount(), services["processor"].GetReplicaCount()));
#pragma warning disable ASPIREPROBES001 // As in the AppHost.
        Assert.All((string[])["api", "client"], service =>
            Assert.Equal(["/alive", "/health"], services[service].Annotations.OfType<EndpointProbeAnnotation>().Select(probe => probe.Path).Order(StringComparer.Ordinal)));
#pragma warning restore ASPIREPROBES001
        await app.RunAsync();
    }

    private static void AssertNoFolders(string text)
    {
        Assert.DoesNotContain("Data__Directory", text, StringComparison.Ordinal);
        Assert.DoesNotContain("EventLog__Directory", text, StringComparison.Ordinal);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static string? Environment(JsonElement resources, string resource, string name) => resources.GetProperty(resource).GetProperty("env").GetProperty(name).GetString();
}

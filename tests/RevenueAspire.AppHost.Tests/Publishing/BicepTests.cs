using System.Text.Json.Nodes;
using Npgsql;
using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Tests.Publishing;

/// <summary>Compiles the Bicep files next to the manifest with azd's compiler.</summary>
public sealed class BicepTests
{
    [Fact]
    public async Task Every_file_compiles_without_a_warning_and_has_exactly_the_parameters_of_the_manifest()
    {
        using var published = await PublishedModel.WriteAsync();

        var modules = published.Modules().ToArray();
        Assert.Equal(published.BicepFiles, modules.Select(module => module.File).Order(StringComparer.Ordinal));
        Assert.Equal(5, modules.Length);
        foreach (var (file, parameters) in modules)
        {
            await BicepCompiler.BuildAsync(Path.Combine(published.Folder, file));
            await BicepCompiler.CheckParametersAsync(Path.Combine(published.Folder, file), parameters);
        }
    }

    [Fact]
    public async Task The_managed_Postgres_has_a_pinned_version_demands_TLS_and_returns_a_connection_string_without_the_password()
    {
        using var published = await PublishedModel.WriteAsync();
        var template = await BicepCompiler.BuildAsync(Path.Combine(published.Folder, "postgres.bicep"));

        var resources = template["resources"]!.AsArray().ToDictionary(
            resource => resource!["type"]!.GetValue<string>().Split('/', 2)[1],
            resource => resource!["properties"]!);
        Assert.Equal(
            ["flexibleServers", "flexibleServers/configurations", "flexibleServers/databases", "flexibleServers/firewallRules"],
            resources.Keys.Order(StringComparer.Ordinal));
        // Compose and the container use the same major version, because a dump of a newer server does not load into an older one.
        Assert.Equal(ModelDatabase.PostgresTag.Split('.')[0], resources["flexibleServers"]["version"]!.GetValue<string>());
        Assert.Equal("[parameters('administratorPassword')]", resources["flexibleServers"]["administratorLoginPassword"]!.GetValue<string>());
        Assert.Equal("[parameters('highAvailability')]", resources["flexibleServers"]["highAvailability"]!["mode"]!.GetValue<string>());
        Assert.Equal("on", resources["flexibleServers/configurations"]["value"]!.GetValue<string>());
        Assert.Contains(
            template["resources"]!.AsArray(),
            resource => resource!["name"]!.GetValue<string>().Contains("'require_secure_transport'", StringComparison.Ordinal));
        Assert.Equal("0.0.0.0", resources["flexibleServers/firewallRules"]["startIpAddress"]!.GetValue<string>());
        Assert.Equal("0.0.0.0", resources["flexibleServers/firewallRules"]["endIpAddress"]!.GetValue<string>());
        Assert.Equal("securestring", template["parameters"]!["administratorPassword"]!["type"]!.GetValue<string>());

        // The output as Npgsql reads it, after azd has added the password.
        var format = template["outputs"]!["connectionString"]!["value"]!.GetValue<string>();
        Assert.DoesNotContain("assword", format, StringComparison.Ordinal);
        var output = format.Split('\'')[1].Replace("{0}", "server.example").Replace("{1}", "revenue").Replace("{2}", "revenuedb");
        var connection = new NpgsqlConnectionStringBuilder(
            published.Resources["revenuedb"]!["connectionString"]!.GetValue<string>()
                .Replace("{postgres.outputs.connectionString}", output)
                .Replace("{postgres-password.value}", "abc123"));
        Assert.Equal(
            ("server.example", 5432, "revenue", "abc123", "revenuedb", SslMode.VerifyFull),
            (connection.Host, connection.Port, connection.Username, connection.Password, connection.Database, connection.SslMode));
    }

    [Fact]
    public async Task The_standby_server_of_the_managed_Postgres_is_a_parameter_of_azd_and_off_until_it_is_set()
    {
        using var published = await PublishedModel.WriteAsync();

        var parameter = published.Resources["postgres-high-availability"]!["inputs"]!["value"]!;
        Assert.Equal("{postgres-high-availability.value}", published.Resources["postgres"]!["params"]!["highAvailability"]!.GetValue<string>());
        Assert.Equal("Disabled", parameter["default"]!["value"]!.GetValue<string>());

        // As in azd's main.bicep: AZURE_POSTGRES_HIGH_AVAILABILITY in azd's environment sets the parameter.
        var main = Path.Combine(published.Folder, "main.bicep");
        await File.WriteAllTextAsync(main, """
            param postgres_high_availability string = 'Disabled'
            @secure()
            param postgres_password string
            module postgres 'postgres.bicep' = {
              name: 'postgres'
              params: { databaseName: 'revenuedb', administratorPassword: postgres_password, highAvailability: postgres_high_availability }
            }

            """);
        var template = await BicepCompiler.BuildAsync(main);
        var module = template["resources"]!.AsArray().Single()!["properties"]!;
        Assert.Equal("[parameters('postgres_high_availability')]", module["parameters"]!["highAvailability"]!["value"]!.GetValue<string>());
        Assert.Equal(
            ["Disabled", "SameZone", "ZoneRedundant"],
            module["template"]!["parameters"]!["highAvailability"]!["allowedValues"]!.AsArray().Select(value => value!.GetValue<string>()));
    }

    [Theory]
    [InlineData("api", 3, true)]
    [InlineData("client", 1, false)]
    [InlineData("processor", 4, null)]
    public async Task A_container_app_has_the_environment_the_replicas_and_the_probes_of_the_model(string service, int replicas, bool? external)
    {
        using var published = await PublishedModel.WriteAsync("--Api:Replicas=3", "--Processor:Replicas=4");
        var template = await BicepCompiler.BuildAsync(Path.Combine(published.Folder, service + ".bicep"));
        var properties = template["resources"]!.AsArray().Single()!["properties"]!;
        var container = properties["template"]!["containers"]!.AsArray().Single()!;

        var secrets = properties["configuration"]!["secrets"]!.AsArray().ToDictionary(Name, secret => secret!["value"]!.GetValue<string>());
        var expected = published.Environment(service);
        Assert.Equal(expected.Keys, container["env"]!.AsArray().Select(Name));
        foreach (var variable in container["env"]!.AsArray())
        {
            var name = Name(variable);
            var secret = variable!["secretRef"]?.GetValue<string>();
            var value = secret is null ? variable["value"]!.GetValue<string>() : secrets[secret];
            Assert.Equal(expected[name].Contains('{', StringComparison.Ordinal) ? $"[parameters('{name}')]" : expected[name], value);
            // A value with a secret parameter must not be visible in the app's settings.
            var isSecret = name is "ConnectionStrings__revenuedb" or "Ingest__Secrets__0" or "Ingest__ReadSecrets__0" or "Client__Secret";
            Assert.Equal(isSecret, secret is not null);
            Assert.Equal(isSecret, template["parameters"]![name]?["type"]!.GetValue<string>() == "securestring");
        }

        var scale = properties["template"]!["scale"]!;
        Assert.Equal((replicas, replicas), (Number(scale["minReplicas"]), Number(scale["maxReplicas"])));
        Assert.Equal(40, Number(properties["template"]!["terminationGracePeriodSeconds"]));
        Assert.Equal(external, properties["configuration"]!["ingress"]?["external"]!.GetValue<bool>());
        Assert.NotEqual(true, properties["configuration"]!["ingress"]?["allowInsecure"]!.GetValue<bool>());
        Assert.Equal(
            external is null ? [] : ["Liveness /alive 10 5 6", "Readiness /health 5 5 3"],
            (container["probes"]?.AsArray() ?? []).Select(probe =>
                $"{probe!["type"]} {probe["httpGet"]!["path"]} {probe["periodSeconds"]} {probe["timeoutSeconds"]} {probe["failureThreshold"]}"));
    }

    private static string Name(JsonNode? entry) => entry!["name"]!.GetValue<string>();

    private static int Number(JsonNode? number) => number!.GetValue<int>();
}

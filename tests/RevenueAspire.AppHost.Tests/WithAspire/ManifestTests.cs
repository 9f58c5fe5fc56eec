using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.WithAspire;

/// <summary>What is published: the manifest that azd reads.</summary>
public sealed class ManifestTests
{
    [Fact]
    public async Task Published_the_model_has_a_real_Postgres_and_no_secret_in_clear()
    {
        using var folder = new TempDirectory();
        await using (var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            ["--operation", "publish", "--step", "publish-manifest", "--output-path", folder.Path]))
        await using (var app = await builder.BuildAsync())
        {
            Assert.All(app.Services.GetRequiredService<DistributedApplicationModel>().Resources.OfType<ParameterResource>(), parameter => Assert.True(parameter.Secret, parameter.Name));
            await app.RunAsync();
        }

        var text = await File.ReadAllTextAsync(folder.File("aspire-manifest.json"));
        using var manifest = JsonDocument.Parse(text);
        var resources = manifest.RootElement.GetProperty("resources");
        Assert.Equal(
            ["api", "client", "ingest-secret", "postgres", "postgres-password", "postgres-password-uri-encoded", "processor", "read-secret", "revenuedb"],
            resources.EnumerateObject().Select(r => r.Name).Order(StringComparer.Ordinal));
        Assert.Equal("container.v0", resources.GetProperty("postgres").GetProperty("type").GetString());
        Assert.Contains("postgres:17", resources.GetProperty("postgres").GetProperty("image").GetString(), StringComparison.Ordinal);
        Assert.Equal("{postgres.connectionString};Database=revenuedb", resources.GetProperty("revenuedb").GetProperty("connectionString").GetString());

        Assert.Equal("{revenuedb.connectionString}", Environment(resources, "api", "ConnectionStrings__revenuedb"));
        Assert.Equal("{ingest-secret.value}", Environment(resources, "api", "Ingest__Secrets__0"));
        Assert.Equal("{read-secret.value}", Environment(resources, "api", "Ingest__ReadSecrets__0"));
        Assert.Equal("{ingest-secret.value}", Environment(resources, "client", "Client__Secret"));
        Assert.Equal("https+http://api", Environment(resources, "client", "Client__Url"));
        Assert.Equal("{api.bindings.http.url}", Environment(resources, "client", "services__api__http__0"));
        Assert.Equal("{revenuedb.connectionString}", Environment(resources, "processor", "ConnectionStrings__revenuedb"));
        Assert.True(resources.GetProperty("api").GetProperty("bindings").GetProperty("http").GetProperty("external").GetBoolean());
        Assert.False(resources.GetProperty("client").GetProperty("bindings").GetProperty("http").TryGetProperty("external", out _));

        foreach (var parameter in (string[])["ingest-secret", "read-secret", "postgres-password"])
        {
            Assert.True(resources.GetProperty(parameter).GetProperty("inputs").GetProperty("value").GetProperty("secret").GetBoolean(), parameter);
        }

        Assert.DoesNotContain("\"secret\"\"", text.Replace("\"secret\": true", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("Data__Directory", text, StringComparison.Ordinal);
    }

    private static string? Environment(JsonElement resources, string resource, string name) => resources.GetProperty(resource).GetProperty("env").GetProperty(name).GetString();
}

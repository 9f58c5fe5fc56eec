using System.Text.Json;
using System.Text.Json.Nodes;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Publishing;

/// <summary>The manifest that azd reads.</summary>
public sealed class ManifestTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Fact]
    public async Task The_manifest_is_the_expected_one()
    {
        using var published = await PublishedModel.WriteAsync();

        var expected = JsonNode.Parse(await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "tests", "RevenueAspire.AppHost.Tests", "Publishing", "expected-manifest.json")))!["resources"];
        // Compared as text, so the failure message names the differing line.
        Assert.Equal(expected!.ToJsonString(Indented), published.Resources.ToJsonString(Indented));
    }

    [Fact]
    public async Task No_file_contains_the_value_of_a_secret()
    {
        using var published = await PublishedModel.WriteAsync(
            "--Parameters:ingest-secret=clear-ingest", "--Parameters:read-secret=clear-read", "--Parameters:postgres-password=clear-password");

        Assert.DoesNotContain("clear-", await published.ReadAllFilesAsync(), StringComparison.Ordinal);
        foreach (var parameter in (string[])["ingest-secret", "read-secret", "postgres-password"])
        {
            Assert.True(published.Resources[parameter]!["inputs"]!["value"]!["secret"]!.GetValue<bool>(), parameter);
        }
    }

    [Fact]
    public async Task An_existing_database_replaces_the_managed_server()
    {
        using var published = await PublishedModel.WriteAsync("--ConnectionStrings:revenuedb=Host=db.example;Username=me;Password=clear-password");

        Assert.Equal(
            ["api", "client", "containerapps", "ingest-secret", "processor", "read-secret", "revenuedb"],
            published.Resources.Select(resource => resource.Key).Order(StringComparer.Ordinal));
        Assert.Equal(["api.bicep", "client.bicep", "containerapps.bicep", "processor.bicep"], published.BicepFiles);
        Assert.Equal("parameter.v0", published.Resources["revenuedb"]!["type"]!.GetValue<string>());
        Assert.Equal("{revenuedb.value}", published.Resources["revenuedb"]!["connectionString"]!.GetValue<string>());
        Assert.True(published.Resources["revenuedb"]!["inputs"]!["value"]!["secret"]!.GetValue<bool>());
        foreach (var service in (string[])["api", "processor"])
        {
            Assert.Equal("{revenuedb.connectionString}", published.Environment(service)["ConnectionStrings__revenuedb"]);
        }

        var text = await published.ReadAllFilesAsync();
        Assert.DoesNotContain("db.example", text, StringComparison.Ordinal);
        Assert.DoesNotContain("clear-password", text, StringComparison.Ordinal);
    }
}

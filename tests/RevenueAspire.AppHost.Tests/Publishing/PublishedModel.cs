using System.Text.Json.Nodes;
using Aspire.Hosting.Testing;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Publishing;

/// <summary>The AppHost's output for azd: the manifest, and the Bicep files next to it.</summary>
internal sealed class PublishedModel : IDisposable
{
    private readonly TempDirectory _folder = new();

    private PublishedModel()
    {
    }

    public string Folder => _folder.Path;

    public JsonObject Resources { get; private set; } = [];

    /// <summary>The names of the Bicep files, sorted.</summary>
    public string[] BicepFiles => [.. Directory.GetFiles(Folder, "*.bicep").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    /// <summary>Publishes the model with the given arguments of the AppHost.</summary>
    public static async Task<PublishedModel> WriteAsync(params string[] arguments)
    {
        var model = new PublishedModel();
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            ["--operation", "publish", "--step", "publish-manifest", "--output-path", model.Folder, .. arguments]);
        await using var app = await builder.BuildAsync();
        await app.RunAsync();

        model.Resources = JsonNode.Parse(await File.ReadAllTextAsync(model._folder.File("aspire-manifest.json")))!["resources"]!.AsObject();
        foreach (var (_, resource) in model.Resources)
        {
            if (resource!["path"] is { } path && resource["type"]!.GetValue<string>().StartsWith("project.", StringComparison.Ordinal))
            {
                // Make paths relative to the clone, because the depth of the folder differs per run.
                resource["path"] = Path.GetRelativePath(Repository.Root, Path.GetFullPath(path.GetValue<string>(), model.Folder)).Replace('\\', '/');
            }
        }

        return model;
    }

    /// <summary>The environment of a service in the manifest.</summary>
    public Dictionary<string, string> Environment(string service) =>
        Resources[service]!["env"]!.AsObject().ToDictionary(variable => variable.Key, variable => variable.Value!.GetValue<string>());

    /// <summary>Each Bicep file with the parameters that azd passes to it. As in azd, an expression for a parameter with a default becomes that
    /// default.</summary>
    public IEnumerable<(string File, Dictionary<string, string> Parameters)> Modules() =>
        from resource in Resources
        let module = resource.Value!["deployment"] ?? resource.Value
        where module["type"]!.GetValue<string>() == "azure.bicep.v0"
        select (
            module["path"]!.GetValue<string>(),
            module["params"]!.AsObject().ToDictionary(parameter => parameter.Key, parameter => Resolve(parameter.Value!.GetValue<string>())));

    public async Task<string> ReadAllFilesAsync() =>
        string.Join('\n', await Task.WhenAll(Directory.GetFiles(Folder).Select(file => File.ReadAllTextAsync(file))));

    public void Dispose() => _folder.Dispose();

    private string Resolve(string value)
    {
        var named = Resources.SingleOrDefault(resource => value == $"{{{resource.Key}.value}}").Value;
        return named?["inputs"]?["value"]?["default"]?["value"]?.GetValue<string>() ?? value;
    }
}

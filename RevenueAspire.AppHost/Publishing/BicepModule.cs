using Aspire.Hosting.Publishing;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>An <c>azure.bicep.v0</c> entry of the manifest. Its Bicep file is written next to the manifest, where azd reads it.</summary>
/// <param name="name">The resource's name; <c>NAME.bicep</c> is the file.</param>
/// <param name="read">Returns the Bicep text, and a value or manifest expression for each parameter without a default. azd sets <c>location</c>.</param>
internal sealed class BicepModule(string name, Func<CancellationToken, Task<BicepText>> read) : Resource(name)
{
    /// <summary>Creates a module from a hand-written file of this folder.</summary>
    /// <param name="name">The resource's and the file's name, without extension.</param>
    /// <param name="parameters">See the constructor.</param>
    public BicepModule(string name, IReadOnlyDictionary<string, string> parameters)
        : this(name, async cancellationToken => new BicepText(await ReadOwnFileAsync(name, cancellationToken), parameters))
    {
    }

    /// <summary>Refers to an output of the deployed module.</summary>
    public BicepOutput Output(string output) => new(this, output);

    /// <summary>Writes the Bicep file, and the fields of the manifest's entry.</summary>
    /// <exception cref="IOException">The manifest's folder is not writable.</exception>
    public async Task WriteAsync(ManifestPublishingContext context)
    {
        var (text, parameters) = await read(context.CancellationToken);
        var file = Name + ".bicep";
        var folder = Path.GetDirectoryName(Path.GetFullPath(context.ManifestPath))!;
        await File.WriteAllTextAsync(Path.Combine(folder, file), text, context.CancellationToken);

        context.Writer.WriteString("type", "azure.bicep.v0");
        context.Writer.WriteString("path", file);
        context.Writer.WriteStartObject("params");
        foreach (var (parameter, value) in parameters)
        {
            context.Writer.WriteString(parameter, value);
        }

        context.Writer.WriteEndObject();
    }

    private static async Task<string> ReadOwnFileAsync(string name, CancellationToken cancellationToken)
    {
        await using var file = typeof(BicepModule).Assembly.GetManifestResourceStream(name + ".bicep")!;
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(cancellationToken);
    }
}

/// <param name="Text">The contents of the file.</param>
/// <param name="Parameters">Values or manifest expressions, by name.</param>
internal sealed record BicepText(string Text, IReadOnlyDictionary<string, string> Parameters);

/// <summary>A value that exists only after azd has deployed a module.</summary>
internal sealed record BicepOutput(BicepModule Module, string Name) : IManifestExpressionProvider, IValueProvider, IValueWithReferences
{
    public string ValueExpression => $"{{{Module.Name}.outputs.{Name}}}";

    public IEnumerable<object> References => [Module];

    public ValueTask<string?> GetValueAsync(CancellationToken cancellationToken = default) =>
        throw new InvalidOperationException($"{ValueExpression} has no value before azd deploys the module.");
}

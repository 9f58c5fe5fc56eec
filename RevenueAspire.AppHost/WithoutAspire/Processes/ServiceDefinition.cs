using System.Reflection;

namespace RevenueAspire.AppHost.Processes;

/// <summary>A service to start: its name on the console, its project, its environment.</summary>
internal sealed record ServiceDefinition(string Name, string Project, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>Where the build put the program.</summary>
    public string Executable =>
        typeof(ServiceDefinition).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().SingleOrDefault(a => a.Key == Project)?.Value is { } path && File.Exists(path)
            ? path
            : throw new StarterException($"{Project}.dll is not built: run 'dotnet build' first.");
}

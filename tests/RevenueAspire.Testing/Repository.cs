using System.Reflection;

namespace RevenueAspire.Testing;

/// <summary>The root folder of this clone, and its built executables.</summary>
public static class Repository
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>Path of a project's dll in its default output folder: <c>Executable("RevenueAspire.Api")</c>.</summary>
    public static string Executable(string project) => Path.Combine(Root, "src", project, "bin", Configuration, "net10.0", project + ".dll");

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}

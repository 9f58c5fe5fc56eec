using System.Reflection;

namespace RevenueAspire.Testing;

/// <summary>Where this clone and its built executables are.</summary>
public static class Repository
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>The dll of a project below src, in its default output folder: <c>Executable("RevenueAspire.Api")</c>.</summary>
    public static string Executable(string project) => Path.Combine(Root, "src", project, "bin", Configuration, "net10.0", project + ".dll");

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}

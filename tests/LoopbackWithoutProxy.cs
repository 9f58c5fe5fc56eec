using System.Runtime.CompilerServices;

namespace RevenueAspire.Testing;

/// <summary>
/// Keeps requests to this machine off a proxy that the environment names (<c>HTTP_PROXY</c>). Compiled into every test program, so that it runs
/// before the first request.
/// </summary>
internal static class LoopbackWithoutProxy
{
    private const string Loopback = "127.0.0.1,localhost,::1,[::1]";

    /// <summary>.NET reads the first of these that is set, and some child processes read only one of them.</summary>
    private static readonly string[] Variables = ["no_proxy", "NO_PROXY"];

    /// <summary>Child processes inherit the setting.</summary>
#pragma warning disable CA2255 // A test program is an application; the other callers of this attribute are not.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Set()
    {
        var given = Variables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value));
        foreach (var variable in Variables)
        {
            Environment.SetEnvironmentVariable(variable, given is null ? Loopback : $"{given},{Loopback}");
        }
    }
}

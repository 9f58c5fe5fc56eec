using System.Net;
using System.Runtime.CompilerServices;

/// <summary>Requests of tests go to this machine: a proxy that the machine's environment names must not get them.</summary>
internal static class NoProxy
{
    [ModuleInitializer]
    internal static void Set() => HttpClient.DefaultProxy = new WebProxy();
}

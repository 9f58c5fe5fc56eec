using System.Globalization;
using Xunit.MicrosoftTestingPlatform;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>Runs the tests. With <see cref="OwnServer"/>, starts a server and owns it until this process is killed, as an AppHost does.</summary>
internal static class Program
{
    /// <summary>The first argument for owning a server. The data directory, the port, and whether the server stops with its owner follow.</summary>
    public const string OwnServer = "own-server";

    public static async Task<int> Main(string[] args)
    {
        if (args is not [OwnServer, var directory, var port, var stopWithParent])
        {
            return await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
        }

        var server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = directory,
                Port = int.Parse(port, CultureInfo.InvariantCulture),
                Password = "owner",
                StopWithParent = bool.Parse(stopWithParent),
                Log = Console.WriteLine,
            },
            CancellationToken.None);
        Console.WriteLine($"ready: {server.ProcessId} {server.Port}");
        await Task.Delay(Timeout.Infinite);
        return 0;
    }
}

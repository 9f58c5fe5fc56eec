using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Ten thousand clients connect, and send nothing or a part of a request.</summary>
public sealed class IdleConnectionTests(ITestOutputHelper output)
{
    private const int Connections = 10_000;
    private const int OpenFilesOfOthers = 1_000;
    private const int AtOnce = 64;

    /// <summary>Maximum bytes of API memory per idle connection, including four blocks of the memory pool.</summary>
    private const long MaxBytesPerConnection = 40_000;

    [Fact]
    public async Task Ten_thousand_idle_connections_cost_little_and_others_are_served()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The test reads memory and limits from /proc.");
        Assert.SkipUnless(MaxOpenFiles() >= Connections + OpenFilesOfOthers, $"The limit of open files is {MaxOpenFiles()} (ulimit -n).");
        await using var installation = Installation.WithoutDatabase();
        var api = installation.Start("RevenueAspire.Api");
        await api.WaitForUrlAsync(installation.ApiUrl + "/alive");
        await PostAsync(installation, 100);
        var before = ResidentBytes(api.Id);
        var sockets = new Socket?[Connections];
        try
        {
            var port = new Uri(installation.ApiUrl).Port;
            await Parallel.ForAsync(0, Connections, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, cancellationToken) =>
            {
                var socket = sockets[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                if (i % 10 == 0)
                {
                    await socket.SendAsync("POST /liveEvent HTTP/1.1\r\nHost: x\r\n"u8.ToArray(), cancellationToken);
                }
            });
            await PostAsync(installation, 100);
            var bytes = (ResidentBytes(api.Id) - before) / Connections;
            output.WriteLine($"{before >> 20} MB before, {bytes} bytes per connection");
            Assert.InRange(bytes, long.MinValue, MaxBytesPerConnection);
        }
        finally
        {
            Array.ForEach(sockets, socket => socket?.Dispose());
        }

        await PostAsync(installation, 100);
        Assert.Equal(0, await api.TerminateAsync());
        Assert.Equal(300, installation.LogLines());
    }

    private static async Task PostAsync(Installation installation, int count)
    {
        for (var i = 0; i < count; i++)
        {
            using var body = new StringContent("""{"userId":"user1","name":"add_revenue","value":1}""", Encoding.UTF8, "application/json");
            using var answer = await installation.Http.PostAsync(new Uri("/liveEvent", UriKind.Relative), body);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }
    }

    private static long ResidentBytes(int processId) => Field($"/proc/{processId}/status", "VmRSS:") * 1024;

    private static long MaxOpenFiles() => Field("/proc/self/limits", "Max open files");

    private static long Field(string path, string name) =>
        long.Parse(File.ReadLines(path).Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Split((char[])[' ', '\t'],
            StringSplitOptions.RemoveEmptyEntries)[0].Replace("unlimited", "1000000000", StringComparison.Ordinal), CultureInfo.InvariantCulture);
}

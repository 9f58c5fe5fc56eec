using RevenueAspire.Api.Hosting;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>Which threads requests begin on, and that what must leave them does.</summary>
public sealed class SocketThreadsTests
{
    [Fact]
    public async Task Who_leaves_another_thread_goes_on_on_the_pool()
    {
        var isOfThePool = new TaskCompletionSource<(bool Before, bool After)>();
        new Thread(Begin).Start();
        Assert.Equal((false, true), await isOfThePool.Task);

        async void Begin()
        {
            var before = Thread.CurrentThread.IsThreadPoolThread;
            await SocketThreads.MoveToPoolAsync();
            isOfThePool.SetResult((before, Thread.CurrentThread.IsThreadPoolThread));
        }
    }

    [Fact]
    public Task Who_is_on_the_pool_leaves_without_a_wait() => Task.Run(() => Assert.True(SocketThreads.MoveToPoolAsync().AsTask().IsCompletedSuccessfully));

    [Theory]
    [InlineData(LogEngine.File, null, true)]
    [InlineData(LogEngine.File, "0", false)]
    [InlineData(LogEngine.Postgres, null, false)]
    [InlineData(LogEngine.Postgres, "1", false)]
    public async Task A_process_waits_for_sockets_with_a_thread_a_processor_where_requests_begin_there(LogEngine engine, string? environment, bool expected)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Threads are counted in /proc.");
        Assert.SkipUnless(Environment.ProcessorCount is > 1 and < 30, "The runtime has one such thread by itself, and with many processors more.");
        using var place = new LogPlace(engine);
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await place.StartProcessAsync(
            url, new Dictionary<string, string?> { ["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = environment });
        await process.WaitForUrlAsync(url + "/health");
        var threads = Directory.GetDirectories($"/proc/{process.Id}/task").Select(task => File.ReadAllText(Path.Combine(task, "comm")).Trim())
            .Count(name => name == ".NET Sockets");
        Assert.Equal(expected ? Environment.ProcessorCount : 1, threads);
        Assert.Equal(0, await process.TerminateAsync());
    }
}

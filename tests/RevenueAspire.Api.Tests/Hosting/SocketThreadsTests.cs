using RevenueAspire.Api.Hosting;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>The threads that requests begin on, and the moves to the pool.</summary>
public sealed class SocketThreadsTests
{
    [Fact]
    public async Task MoveToPoolAsync_on_another_thread_continues_on_the_pool()
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
    public Task MoveToPoolAsync_on_a_pool_thread_completes_at_once() =>
        Task.Run(() => Assert.True(SocketThreads.MoveToPoolAsync().AsTask().IsCompletedSuccessfully));

    [Theory]
    [InlineData(LogEngine.File, null, true)]
    [InlineData(LogEngine.File, "0", false)]
    [InlineData(LogEngine.Postgres, null, false)]
    [InlineData(LogEngine.Postgres, "1", false)]
    public async Task A_process_polls_sockets_with_a_thread_per_processor_if_requests_begin_there(LogEngine engine, string? environment, bool expected)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        Assert.SkipUnless(Environment.ProcessorCount is > 1 and < 30, "With this number of processors, both cases look the same.");
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

using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>A log writer whose thread writes nothing until the test releases it.</summary>
internal sealed class HeldWriter : IAsyncDisposable
{
    private readonly ManualResetEventSlim _released = new();
    private EventLogWriter? _writer;
    private Thread? _thread;
    private volatile bool _stopping;

    /// <summary>Replaces the API's own writer.</summary>
    public void Use(WebApplicationBuilder builder) => builder.Services.AddSingleton(services =>
    {
        _writer = services.GetRequiredService<FileLogStore>().PrepareWriter();
        services.GetRequiredService<Microsoft.Extensions.Hosting.IHostApplicationLifetime>().ApplicationStopping.Register(() => _stopping = true);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
        return _writer;
    });

    /// <summary>Releases the writer.</summary>
    public ValueTask DisposeAsync()
    {
        _released.Set();
        return default;
    }

    private void Run()
    {
        _released.Wait();
        while (!_stopping)
        {
            _writer!.Step();
            Thread.Sleep(1);
        }

        _writer!.Close();
    }
}

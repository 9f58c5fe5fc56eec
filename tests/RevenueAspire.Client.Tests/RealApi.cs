using System.Text;
using RevenueAspire.EventLog;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>The real API as a process, with a separate log and without a database. It accepts events anyway.</summary>
internal sealed class RealApi(string dataDirectory) : IAsyncDisposable
{
    private readonly int _port = FreePort.Next();
    private ServiceProcess? _process;

    public Uri Url => new($"http://127.0.0.1:{_port}/");

    public async Task StartAsync(IReadOnlyDictionary<string, string?>? settings = null)
    {
        var environment = new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = Url.ToString(),
            ["Data__Directory"] = dataDirectory,
            ["ConnectionStrings__revenuedb"] = "Host=127.0.0.1;Port=1;Username=none;Database=none",
        };
        _process = ServiceProcess.Start("RevenueAspire.Api", [], environment);
        await _process.WaitForUrlAsync(new Uri(Url, "health").ToString(), TimeSpan.FromSeconds(30));
    }

    public async Task KillAsync()
    {
        await _process!.KillAsync();
        await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>The records of the log up to its durable mark, one JSON line each.</summary>
    public string[] Records()
    {
        using var reader = OpenLog();
        var mark = reader.ReadDurableMark();
        var bytes = new byte[mark];
        for (var offset = reader.FirstOffset; offset < mark;)
        {
            var read = reader.Read(offset, bytes.AsSpan((int)offset));
            Assert.True(read.Count > 0, read.Damage);
            offset += read.Count;
        }

        return Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Bytes in the log up to its durable mark.</summary>
    public long DurableMark()
    {
        using var reader = OpenLog();
        return reader.ReadDurableMark();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    private EventLogReader OpenLog() => EventLogReader.Open(Path.Combine(dataDirectory, "events"));
}

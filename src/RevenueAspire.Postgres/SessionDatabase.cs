using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>The database for a part that needs a session of its own on the server: a notification reaches only the session that listens. Thread-safe.</summary>
/// <param name="source">Connects past a pooler where one is configured.</param>
/// <param name="isSeparate">Whether the source belongs to this object; else it is the source of all other parts.</param>
public sealed class SessionDatabase(NpgsqlDataSource source, bool isSeparate) : IAsyncDisposable, IDisposable
{
    /// <summary>The source.</summary>
    public NpgsqlDataSource Source => source;

    public void Dispose()
    {
        if (isSeparate)
        {
            source.Dispose();
        }
    }

    public ValueTask DisposeAsync() => isSeparate ? source.DisposeAsync() : ValueTask.CompletedTask;
}

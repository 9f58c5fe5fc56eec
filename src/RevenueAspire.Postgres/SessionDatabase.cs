using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>The database for a part that needs a dedicated session, because a notification reaches only the session that listens. Thread-safe.</summary>
/// <param name="source">Bypasses a pooler if a direct connection is configured.</param>
/// <param name="isSeparate">Whether this object owns the source; otherwise all parts share it.</param>
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

using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>A data source for code that needs a dedicated session, such as <c>LISTEN</c>. Thread-safe.</summary>
/// <param name="source">Bypasses a pooler if a direct connection is configured.</param>
/// <param name="isSeparate">Whether this object owns and disposes the source; otherwise the source is shared.</param>
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

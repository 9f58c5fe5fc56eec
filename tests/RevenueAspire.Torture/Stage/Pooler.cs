using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Stage;

/// <summary>A PgBouncer in transaction mode between the services and the database server. The seed decides its setup.</summary>
internal sealed class Pooler : IAsyncDisposable
{
    private const int LeastSessions = 2;
    private const int MostSessions = 6;
    private readonly StreamWriter _log;

    /// <param name="program">See <see cref="PgBouncer.Find"/>.</param>
    /// <param name="postgres">The server that the pooler connects to.</param>
    /// <param name="logFile">File for its log.</param>
    /// <param name="random">Decides the setup.</param>
    public Pooler(string program, PostgresHost postgres, string logFile, Random random)
    {
        _log = new StreamWriter(logFile) { AutoFlush = true };
        PgBouncer = new PgBouncer(program, postgres.ForServices(postgres.Port), Log) { PoolSize = NextPoolSize(random) };
        IsDeclared = random.Next(2) == 0;
        HasSessionConnection = random.Next(2) == 0;
    }

    /// <summary>The process. A fault must hold <see cref="Gate"/> while it uses the process.</summary>
    public PgBouncer PgBouncer { get; }

    /// <summary>Whether the connection string declares a pooler; otherwise the services must detect it.</summary>
    public bool IsDeclared { get; }

    /// <summary>Whether processors get a direct connection to the server, for notifications.</summary>
    public bool HasSessionConnection { get; }

    /// <summary>Keywords that the setup adds to the services' connection string.</summary>
    public string Keywords => IsDeclared ? ";No Reset On Close=true" : "";

    /// <summary>Allows one fault at a time to disturb the pooler.</summary>
    public SemaphoreSlim Gate { get; } = new(1);

    public static int NextPoolSize(Random random) => random.Next(LeastSessions, MostSessions + 1);

    /// <summary>Text for the printed line.</summary>
    public override string ToString() =>
        $"pooler of {PgBouncer.PoolSize} sessions, {(IsDeclared ? "declared" : "not declared")}, "
        + $"{(HasSessionConnection ? "notifications over a direct connection" : "no notifications")}";

    /// <summary>Undoes all remaining effects of faults on the pooler.</summary>
    public async Task HealAsync()
    {
        PgBouncer.Send(Signal.Continue);
        await PgBouncer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await PgBouncer.DisposeAsync();
        Gate.Dispose();

        // The pooler's last lines may arrive after its exit.
        lock (_log)
        {
            _log.Dispose();
        }
    }

    private void Log(string line)
    {
        lock (_log)
        {
            _log.WriteLine(line);
        }
    }
}

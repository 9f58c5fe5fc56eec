using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Stage;

/// <summary>A PgBouncer in transaction mode between the services and the database server, set up as the seed decides.</summary>
internal sealed class Pooler : IAsyncDisposable
{
    private const int LeastSessions = 2;
    private const int MostSessions = 6;
    private readonly StreamWriter _log;

    /// <param name="program">See <see cref="PgBouncer.Find"/>.</param>
    /// <param name="postgres">The server behind it.</param>
    /// <param name="logFile">Gets its log.</param>
    /// <param name="random">Decides about the setup.</param>
    public Pooler(string program, PostgresHost postgres, string logFile, Random random)
    {
        _log = new StreamWriter(logFile) { AutoFlush = true };
        PgBouncer = new PgBouncer(program, postgres.ForServices(postgres.Port), Log) { PoolSize = NextPoolSize(random) };
        IsDeclared = random.Next(2) == 0;
        HasSessionConnection = random.Next(2) == 0;
    }

    /// <summary>The process. A fault holds <see cref="Gate"/> while it uses it.</summary>
    public PgBouncer PgBouncer { get; }

    /// <summary>Whether the connection string declares a pooler; else the services must recognise it.</summary>
    public bool IsDeclared { get; }

    /// <summary>Whether processors get a connection past the pooler, for notifications.</summary>
    public bool HasSessionConnection { get; }

    /// <summary>What the setup adds to the connection string of the services.</summary>
    public string Keywords => IsDeclared ? ";No Reset On Close=true" : "";

    /// <summary>One fault at a time may take the pooler away.</summary>
    public SemaphoreSlim Gate { get; } = new(1);

    public static int NextPoolSize(Random random) => random.Next(LeastSessions, MostSessions + 1);

    /// <summary>For the printed line.</summary>
    public override string ToString() =>
        $"pooler of {PgBouncer.PoolSize} sessions, {(IsDeclared ? "declared" : "to be recognised")}, "
        + $"{(HasSessionConnection ? "notifications past it" : "no notifications")}";

    /// <summary>Takes away whatever a fault may have left behind.</summary>
    public async Task HealAsync()
    {
        PgBouncer.Send(Signal.Continue);
        await PgBouncer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await PgBouncer.DisposeAsync();
        Gate.Dispose();

        // The pooler's last lines may still come.
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

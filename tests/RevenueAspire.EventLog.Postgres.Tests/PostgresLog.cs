using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>A database for one test, with helpers to append and to read back.</summary>
internal sealed class PostgresLog : TestDatabase
{
    private readonly List<EventLogWriter> _logs = [];

    private PostgresLog(string connectionString)
        : base(connectionString)
    {
    }

    public static async Task<PostgresLog> CreateAsync() => new(await TestPostgres.CreateDatabaseAsync());

    /// <summary>Starts a log like an API process, and waits until it accepts appends.</summary>
    public async Task<EventLogWriter> OpenAsync(EventLogOptions? options = null, NpgsqlDataSource? through = null)
    {
        var log = PostgresLogStore.StartWriter(through ?? Database, options ?? new EventLogOptions(), NullLoggerFactory.Instance);
        _logs.Add(log);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        return log;
    }

    public static AppendGroup Group(string userId, string? key = null, int count = 1, int rejected = 0, string? traceParent = null)
    {
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(ParseOutcome.Event, builder.Add(Line(userId, i), out _));
        }

        return key is null ? builder.Build(traceParent: traceParent, rejectedCount: rejected)
            : builder.Build(key, SHA256.HashData(Line(userId, count)), traceParent, rejected);
    }

    public static Task<AppendResult> AppendAsync(EventLogWriter log, string userId, string? key = null, int count = 1, int rejected = 0) =>
        log.AppendAsync(Group(userId, key, count, rejected), CancellationToken.None).AsTask();

    /// <summary>All bytes of a log, read through a reader.</summary>
    public string Read(Guid logId, int step = 1 << 16)
    {
        using var reader = PostgresLogReader.Open(Database, logId);
        var end = reader.ReadDurableMark();
        var bytes = new byte[end - reader.FirstOffset];
        for (var at = reader.FirstOffset; at < end;)
        {
            var place = (int)(at - reader.FirstOffset);
            var read = reader.Read(at, bytes.AsSpan(place, Math.Min(step, bytes.Length - place)));
            Assert.True(read.Count > 0, read.Damage);
            at += read.Count;
        }

        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Number of records per user, in all logs.</summary>
    public async Task<Dictionary<string, int>> CountByUserAsync()
    {
        var counts = new Dictionary<string, int>();
        foreach (var log in await PostgresLogs.ListAsync(Database, CancellationToken.None))
        {
            foreach (var line in Read(log.LogId).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var user = System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("userId").GetString()!;
                counts[user] = counts.GetValueOrDefault(user) + 1;
            }
        }

        return counts;
    }

    public async Task<KeyMemory> ReadMemoryAsync()
    {
        await using var connection = await Database.OpenConnectionAsync();
        return await PostgresLogs.ReadMemoryAsync(connection, CancellationToken.None);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    private static byte[] Line(string userId, int value) => Encoding.UTF8.GetBytes($$"""{"userId":"{{userId}}","name":"add_revenue","value":{{value + 1}}}""");
}

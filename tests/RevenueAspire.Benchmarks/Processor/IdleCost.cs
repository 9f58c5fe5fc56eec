using System.Diagnostics;
using System.Globalization;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>The cost of processors that follow a log without new events: transactions per second, and processor time.</summary>
internal static class IdleCost
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(Amounts.Seconds(5));

    /// <summary>Measures for the given time. Each statement is one transaction here.</summary>
    /// <remarks>
    /// A processor follows a log in files even without a running API. For a log in Postgres, the API must run, so its statements count as well.
    /// </remarks>
    public static async Task MeasureAsync(string database, string engine, int processors, int seconds)
    {
        await using var installation = new Installation(database) { Settings = { ["EventLog__Engine"] = engine } };
        var api = await installation.StartApiAsync();
        await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 1), "first");
        if (engine == "File")
        {
            await api.TerminateAsync();
        }

        var services = Enumerable.Range(0, processors).Select(_ => installation.StartProcessor()).ToArray();
        await Task.Delay(Settle);
        var (transactions, time) = (await TransactionsAsync(database), ProcessorTime(services));
        var began = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var (transactionsAfter, timeAfter) = (await TransactionsAsync(database), ProcessorTime(services));
        var elapsed = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{processors} idle processors, {elapsed:0} s: {(transactionsAfter - transactions) / elapsed:0.00} transactions/s, "
            + $"{(timeAfter - time).TotalSeconds / elapsed / processors * 100:0.00} % of a core each"));
    }

    private static TimeSpan ProcessorTime(IEnumerable<ServiceProcess> services) =>
        services.Aggregate(TimeSpan.Zero, (sum, service) => sum + service.ProcessorTime);

    /// <summary>The database's transactions so far, as reported by its backends. Connects to another database, so the query itself does not count.</summary>
    private static async Task<long> TransactionsAsync(string database)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Database = "postgres" }.ConnectionString);
        await connection.OpenAsync();
        await using var look = new NpgsqlCommand("select xact_commit + xact_rollback from pg_stat_database where datname = $1", connection)
        {
            Parameters = { new() { Value = new NpgsqlConnectionStringBuilder(database).Database } },
        };
        return (long)(await look.ExecuteScalarAsync())!;
    }
}

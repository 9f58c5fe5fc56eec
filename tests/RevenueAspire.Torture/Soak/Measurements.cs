using System.Diagnostics;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Soak;

/// <summary>Takes samples of all quantities that could grow. Not thread-safe.</summary>
internal sealed class Measurements(SoakStage stage, IReadOnlyList<(string Name, ServiceProcess Process)> clients)
{
    private const double Megabyte = 1 << 20;
    private readonly Dictionary<Gauge, Series> _series = [];
    private readonly Dictionary<string, double> _now = [];

    /// <summary>All gauges, in output order.</summary>
    public IReadOnlyDictionary<Gauge, Series> Series => _series;

    /// <summary>The last value of a gauge, by name; 0 if it was not measured.</summary>
    public double Now(string name) => _now.GetValueOrDefault(name);

    /// <summary>Takes a sample.</summary>
    /// <param name="counts">Whether the sample counts for the verdict; false during the warm-up.</param>
    /// <exception cref="NpgsqlException">The database did not answer; the sample is dropped.</exception>
    public async Task TakeAsync(bool counts)
    {
        var sample = new List<(Gauge Gauge, double Value)>();
        foreach (var service in stage.Apis.Concat(stage.Processors))
        {
            Read(service.Name, service.ProcessId);
        }

        foreach (var (name, process) in clients)
        {
            Read(name, process.HasExited ? null : process.Id);
        }

        if (ProcessReading.PrivateBytesOfChildren(stage.Postgres.ProcessId) is { } bytes)
        {
            sample.Add((Gauge.Memory("Postgres"), bytes / Megabyte));
        }

        await using var connection = await stage.Postgres.ConnectAsync();
        sample.Add((Gauge.Connections,
            await AskAsync(connection, "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")));
        sample.Add((new Gauge("database", "MB", null), await AskAsync(connection, "select pg_database_size(current_database())") / Megabyte));
        if (stage.Log is { } log)
        {
            var size = new DirectoryInfo(log).EnumerateFiles().Sum(file => file.Exists ? file.Length : 0);
            sample.Add((new Gauge("log on disk", "MB", _ => (SoakStage.RetainBytes + (8 * SoakStage.SegmentBytes)) / Megabyte), size / Megabyte));
            var applied = await AskAsync(connection, "select coalesce(max(applied_through), 0) from event_source where kind = 'log'");
            sample.Add((new Gauge("lag", "MB", null), Math.Max(0, LogFiles.ReadMark(log) - applied) / Megabyte));
        }
        else
        {
            var lag = await AskAsync(
                connection,
                "select coalesce(sum(end_offset - coalesce(applied_through, 0)), 0)::bigint from event_log left join event_source on source_id = log_id");
            sample.Add((new Gauge("lag", "MB", null), lag / Megabyte));
        }

        _now.Clear();
        foreach (var (gauge, value) in sample)
        {
            _now[gauge.Name] = value;
            if (counts)
            {
                var known = _series.Keys.FirstOrDefault(known => known.Name == gauge.Name);
                if (known is null)
                {
                    _series.Add(known = gauge, new Series());
                }

                _series[known].Add(value);
            }
        }

        void Read(string name, int? processId)
        {
            if (processId is not { } id || ProcessReading.Of(id) is not { } reading)
            {
                return;
            }

            sample.Add((Gauge.Memory(name), reading.Bytes / Megabyte));
            if (reading.Handles is { } handles)
            {
                sample.Add((Gauge.Handles(name), handles));
            }

            sample.Add((Gauge.Threads(name), reading.Threads));
        }
    }

    private static async Task<long> AskAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Order;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>
/// Megabytes of lines per second on one core: the parser compared with System.Text.Json, which validates less (neither user ids nor duplicate fields).
/// </summary>
[Config(typeof(WithThroughput))]
[MemoryDiagnoser(displayGenColumns: false)]
[ShortRunJob]
public partial class EventParserBenchmarks
{
    /// <summary>Bytes of lines per form: far more than the second-level cache, as for a file.</summary>
    private const int TotalBytes = 16_000_000;

    private readonly EventParser _parser = new(EventTypes.Default);
    private byte[] _lines = [];

    /// <summary>The spelling of the lines.</summary>
    public enum Form
    {
        /// <summary>As written by gen-events and this project's client.</summary>
        Compact,

        /// <summary>As in the sample file.</summary>
        Spaced,

        /// <summary>As in the log, with the server's time stamp.</summary>
        Record,

        /// <summary>With the name as the first field.</summary>
        OtherOrder,

        /// <summary>With an escape in the user id, which needs the parser's general path.</summary>
        Escaped,
    }

    [ParamsAllValues]
    public Form Lines { get; set; }

    [GlobalSetup]
    public void WriteLines()
    {
        // A fixed seed: identical lines in each run.
        var random = new Random(7);
        var text = new StringBuilder();
        while (text.Length < TotalBytes)
        {
            var (user, name, value) = RevenueEvent.Plain(random, EventLines.Users);
            text.Append(Lines switch
            {
                Form.Spaced => $"{{ \"userId\": \"{user}\", \"name\": \"{name}\", \"value\": {value} }}\n",
                Form.Record => $"{{\"userId\":\"{user}\",\"name\":\"{name}\",\"value\":{value},\"timestamp\":\"2026-01-31T12:34:56.789Z\"}}\n",
                Form.OtherOrder => $"{{\"name\":\"{name}\",\"userId\":\"{user}\",\"value\":{value}}}\n",
                Form.Escaped => $"{{\"userId\":\"us\\u00e9r{user[4..]}\",\"name\":\"{name}\",\"value\":{value}}}\n",
                _ => $"{{\"userId\":\"{user}\",\"name\":\"{name}\",\"value\":{value}}}\n",
            });
        }

        _lines = Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The common part of all benchmarks: searching for newlines.</summary>
    [Benchmark]
    public long SplitOnly()
    {
        var sum = 0L;
        for (ReadOnlySpan<byte> rest = _lines; TryNextLine(ref rest, out var line);)
        {
            sum += line.Length;
        }

        return sum;
    }

    [Benchmark(Baseline = true)]
    public Int128 EventParser()
    {
        Int128 sum = 0;
        for (ReadOnlySpan<byte> rest = _lines; TryNextLine(ref rest, out var line);)
        {
            if (_parser.Parse(line, out var parsed) == ParseOutcome.Event)
            {
                sum += parsed.Delta + parsed.UserId.Length;
            }
        }

        return sum;
    }

    /// <summary>The shortest correct loop over the reader, for valid lines only.</summary>
    [Benchmark]
    public Int128 Utf8JsonReader()
    {
        Int128 sum = 0;
        for (ReadOnlySpan<byte> rest = _lines; TryNextLine(ref rest, out var line);)
        {
            var reader = new Utf8JsonReader(line);
            var (value, sign, length) = (0L, 0, 0);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (reader.ValueTextEquals("userId"u8))
                {
                    reader.Read();
                    length = reader.ValueSpan.Length;
                }
                else if (reader.ValueTextEquals("name"u8))
                {
                    reader.Read();
                    sign = reader.ValueTextEquals("add_revenue"u8) ? 1 : reader.ValueTextEquals("subtract_revenue"u8) ? -1 : 0;
                }
                else if (reader.ValueTextEquals("value"u8))
                {
                    reader.Read();
                    value = reader.GetInt64();
                }
            }

            sum += (sign * value) + length;
        }

        return sum;
    }

    /// <summary>Deserialization into an object, with source-generated metadata.</summary>
    [Benchmark]
    public Int128 JsonSerializer()
    {
        Int128 sum = 0;
        for (ReadOnlySpan<byte> rest = _lines; TryNextLine(ref rest, out var line);)
        {
            var parsed = System.Text.Json.JsonSerializer.Deserialize(line, EventContext.Default.EventObject)!;
            sum += (parsed.Name == "add_revenue" ? parsed.Value : -parsed.Value) + parsed.UserId.Length;
        }

        return sum;
    }

    private static bool TryNextLine(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> line)
    {
        var newline = rest.IndexOf((byte)'\n');
        line = newline < 0 ? default : rest[..newline];
        rest = newline < 0 ? default : rest[(newline + 1)..];
        return newline >= 0;
    }

    private sealed record EventObject(string UserId, string Name, long Value);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(EventObject))]
    private sealed partial class EventContext : JsonSerializerContext;

    private sealed class WithThroughput : ManualConfig
    {
        public WithThroughput()
        {
            Orderer = new DefaultOrderer(SummaryOrderPolicy.Declared);
            AddColumn(new MegabytesASecond());
        }
    }

    private sealed class MegabytesASecond : IColumn
    {
        public string Id => nameof(MegabytesASecond);

        public string ColumnName => "MB/s";

        public string Legend => "Megabytes (10^6 bytes) of lines per second";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
            summary[benchmarkCase]?.ResultStatistics is { } statistics ? (TotalBytes * 1e3 / statistics.Mean).ToString("F0", CultureInfo.InvariantCulture)
                : "?";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using RevenueAspire.EventLog.Format;
using RevenueAspire.Events;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L3: the bytes of a record.</summary>
public sealed class AppendGroupBuilderTests
{
    private const string Stamp = "\"timestamp\":\"2026-01-31T12:34:56.789Z\"";
    private static readonly byte[] Hash = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private readonly AppendGroupBuilder _builder = new(EventTypes.Default, new FixedTime());

    [Fact]
    public void L3_a_single_record_has_the_client_s_fields_and_the_time() =>
        Assert.Equal($$"""{"userId":"a","name":"add_revenue","value":1,"x":[1, 2],{{Stamp}}}""".Replace(", 2", ",2", StringComparison.Ordinal) + "\n",
            Render(Built(""" {"userId": "a", "name":"add_revenue", "value":1, "x":[1, 2]} """)));

    [Fact]
    public void L3_fields_that_belong_to_the_server_are_replaced()
    {
        var line = """{"timestamp":"no","userId":"a","batch":{"from":1},"name":"add_revenue","idempotencyKey":"k","value":1"""
            + ""","bodyHash":"h","traceparent":"t"}""";

        Assert.Equal($$"""{"userId":"a","name":"add_revenue","value":1,{{Stamp}}}""" + "\n", Render(Built(line)));
    }

    [Fact]
    public void L3_the_last_record_has_time_key_body_hash_and_trace_escaped()
    {
        Add(TestLog.Event("a", 1));
        Add(TestLog.Event("b", 2));
        var lines = TestLog.Lines(Render(_builder.Build("k\"\\~!", Hash, "00-ab-cd-01")));
        var last = JsonDocument.Parse(lines[1]).RootElement;

        Assert.Equal(TestLog.Event("a", 1), lines[0]);
        Assert.Equal("2026-01-31T12:34:56.789Z", last.GetProperty("timestamp").GetString());
        Assert.Equal("k\"\\~!", last.GetProperty("idempotencyKey").GetString());
        Assert.Equal(Convert.ToHexStringLower(Hash), last.GetProperty("bodyHash").GetString());
        Assert.Equal("00-ab-cd-01", last.GetProperty("traceparent").GetString());
    }

    [Theory]
    [InlineData("shop-1", "shop-1")]
    [InlineData("auth0|a+b@c", "auth0|a+b@c")]
    [InlineData("a \"b\\ ä\n", "a \\\"b\\\\ ä\\n")]
    public void L3_the_caller_follows_the_time_on_the_last_record(string name, string written)
    {
        Add(TestLog.Event("a", 1));
        Add(TestLog.Event("b", 2));
        var text = Render(_builder.Build("k", Hash, rejectedCount: 1, caller: new CallerName(name)));

        Assert.StartsWith(TestLog.Event("a", 1) + "\n" + TestLog.Event("b", 2)[..^1]
            + $$""",{{Stamp}},"caller":"{{written}}","idempotencyKey":"k","bodyHash":""", text, StringComparison.Ordinal);
        Add(TestLog.Event("a", 1));
        Assert.Equal($"{TestLog.Event("a", 1)[..^1]},{Stamp},\"caller\":\"{written}\"}}\n", Render(_builder.Build(caller: new CallerName(name))));
    }

    [Theory]
    [InlineData("caller")]
    [InlineData("c\\u0061ller")]
    public void L3_a_client_cannot_name_the_caller(string field)
    {
        var line = """{"userId":"a","FIELD":"forged","name":"add_revenue","value":1,"x":{"caller":"kept"}}"""
            .Replace("FIELD", field, StringComparison.Ordinal);

        Assert.Equal("""{"userId":"a","name":"add_revenue","value":1,"x":{"caller":"kept"},""" + Stamp + "}\n", Render(Built(line)));
    }

    /// <summary>A token's subject may have any length, but the server fields of a record are limited.</summary>
    [Fact]
    public void L3_a_caller_name_that_is_too_long_is_replaced_by_its_hash()
    {
        Assert.Equal(new string('n', 254), new CallerName(new string('n', 254)).Text);
        var name = new CallerName(new string('n', 255)).Text;

        Assert.Equal(name, new CallerName(new string('n', 255)).Text);
        Assert.Matches("^sha256-[0-9a-f]{64}$", name);
        Assert.Matches("^sha256-[0-9a-f]{64}$", new CallerName(new string('\u0001', 60)).Text);
        Assert.NotEqual(name, new CallerName(new string('n', 256)).Text);
        Assert.Throws<ArgumentException>(() => new CallerName(""));
    }

    [Fact]
    public void L3_a_batch_ends_with_its_start_offset_its_counts_and_the_checksum_of_its_bytes()
    {
        Add(TestLog.Event("a", 1));
        Add(TestLog.Event("b", 2));
        Add(TestLog.Event("c", 3));
        var text = Render(_builder.Build(rejectedCount: 7), from: 4711);
        var marker = text.LastIndexOf(",\"batch\":", StringComparison.Ordinal);
        var crc = Crc32C.Compute(Encoding.UTF8.GetBytes(text[..marker]));

        Assert.Equal($$$""","batch":{"from":4711,"count":3,"rejected":7,"crc":"{{{crc:x8}}}"}}""" + "\n", text[marker..]);
        Assert.Equal([TestLog.Event("a", 1), TestLog.Event("b", 2)], TestLog.Lines(text)[..2]);
    }

    /// <summary>After a torn write, half a batch must not look like single records: recovery would keep it, and the client's retry would count its events
    /// twice.</summary>
    [Theory]
    [InlineData("""{"userId":"a","name":"add_revenue","value":1}""")]
    [InlineData("""{"userId":"a","name":"add_revenue","value":1,"timestamp":"2026-01-31T12:34:56.789Z"}""")]
    [InlineData("""{"timest\u0061mp":"2026-01-31T12:34:56.789Z","userId":"a","name":"add_revenue","value":1}""")]
    [InlineData("""{"userId":"a","name":"add_revenue","value":1,"x":{"timestamp":"2026"},"y":"\",\"timestamp\":\"2026"}""")]
    [InlineData(
        """{"userId":"a","name":"add_revenue","value":1,"batch":{"from":0,"count":1,"rejected":0,"crc":"00000000"},"idempotencyKey":"k","bodyHash":"h"}""")]
    public void L3_no_client_field_makes_a_record_of_a_batch_look_like_a_single_one(string line)
    {
        Add(line);
        Add(TestLog.Event("b", 2));
        var lines = TestLog.Lines(Render(_builder.Build()));

        Assert.True(RecordFields.TryRead(Encoding.UTF8.GetBytes(lines[0]), out var first));
        Assert.Equal(RecordRole.Open, first.Role);
        Add(line);
        Assert.True(RecordFields.TryRead(Encoding.UTF8.GetBytes(TestLog.Lines(Render(_builder.Build()))[0]), out var lone));
        Assert.Equal(RecordRole.Single, lone.Role);
    }

    [Fact]
    public void L3_a_single_event_with_rejected_lines_has_a_batch_field()
    {
        Add(TestLog.Event("a", 1));
        var text = Render(_builder.Build(rejectedCount: 1));

        Assert.Contains("""
            "batch":{"from":0,"count":1,"rejected":1,"crc":"
            """, text, StringComparison.Ordinal);
        Assert.DoesNotContain("{}", text, StringComparison.Ordinal);
    }

    /// <summary>The fast path must write the same bytes as the general one.</summary>
    [Fact]
    public void AddPlainLines_writes_the_same_bytes_as_Add_and_stops_at_the_first_other_line()
    {
        string[] lines = [TestLog.Event("a", 1), TestLog.Event("bb", -2), TestLog.Event("ccc", 333), """{ "userId": "d", "name": "add_revenue", "value": 4 }""",
            TestLog.Event("e", 5)];
        var text = Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n");
        foreach (var line in lines)
        {
            Add(line);
        }

        var expected = Render(_builder.Build(rejectedCount: 1), from: 9);

        var first = _builder.AddPlainLines(text, out var three);
        Add(lines[3]);
        var rest = text.AsSpan(first + lines[3].Length + 1);
        var last = _builder.AddPlainLines(rest, out var one);

        Assert.Equal((3, lines[..3].Sum(line => line.Length + 1)), (three, first));
        Assert.Equal((1, rest.Length), (one, last));
        Assert.Equal(5, _builder.Count);
        Assert.Equal(expected, Render(_builder.Build(rejectedCount: 1), from: 9));
        Assert.Equal(0, _builder.AddPlainLines(text.AsSpan(0, lines[0].Length), out _));
        Assert.Equal(0, _builder.AddPlainLines("nonsense\n"u8, out _));
    }

    [Fact]
    public void A_rejected_or_blank_line_writes_no_bytes()
    {
        Add(TestLog.Event("a", 1));
        Assert.Equal(ParseOutcome.Rejected, _builder.Add("nonsense"u8, out var reason));
        Assert.Equal(RejectReason.InvalidJson, reason);
        Assert.Equal(ParseOutcome.Blank, _builder.Add("  "u8, out _));
        Assert.Equal(1, _builder.Count);

        Assert.Equal($$"""{"userId":"a","name":"add_revenue","value":1,{{Stamp}}}""" + "\n", Render(_builder.Build()));
    }

    [Fact]
    public void The_builder_is_empty_after_Build_and_after_Clear()
    {
        Add(TestLog.Event("a", 1));
        _builder.Clear();
        Assert.Throws<InvalidOperationException>(() => _builder.Build());
        Add(TestLog.Event("b", 1));
        _builder.Build();
        Assert.Equal(0, _builder.Count);
        Assert.Contains("\"c\"", Render(Built(TestLog.Event("c", 1))), StringComparison.Ordinal);
    }

    [Fact]
    public void Build_with_a_bad_argument_throws_and_can_be_called_again()
    {
        Add(TestLog.Event("a", 1));
        Assert.Throws<ArgumentException>(() => _builder.Build("", Hash));
        Assert.Throws<ArgumentException>(() => _builder.Build(new string('k', 129), Hash));
        Assert.Throws<ArgumentException>(() => _builder.Build("a b", Hash));
        Assert.Throws<ArgumentException>(() => _builder.Build("é", Hash));
        Assert.Throws<ArgumentException>(() => _builder.Build("k"));
        Assert.Throws<ArgumentException>(() => _builder.Build(traceParent: "a\nb"));

        Assert.Single(TestLog.Lines(Render(_builder.Build(new string('k', 128), Hash))));
    }

    [Fact]
    public void Recovery_reads_the_records_of_the_builder()
    {
        Add(TestLog.Event("a", 1));
        Add(TestLog.Event("b", 1));
        var group = _builder.Build("k\"\\", Hash, rejectedCount: 3);
        var (key, body) = (group.KeyHash, group.BodyHash);
        var lines = TestLog.Lines(Render(group));

        Assert.True(RecordFields.TryRead(Encoding.UTF8.GetBytes(lines[0]), out var first));
        Assert.True(RecordFields.TryRead(Encoding.UTF8.GetBytes(lines[1]), out var last));
        Assert.Equal((RecordRole.Open, RecordRole.Closing), (first.Role, last.Role));
        Assert.Equal((true, key, body, 2, 3), (last.HasKey, last.Key, last.Body, last.Count, last.RejectedCount));
    }

    /// <summary>Older logs contain the client's own 'caller' before the time. The hashes of keys in these logs must not change.</summary>
    [Theory]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"caller\":\"shop-1\",{0}}", null)]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"caller\":7,{0}}", null)]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,{0},\"caller\":\"shop-1\"}", "shop-1")]
    public void L9_only_the_server_field_names_the_caller_of_a_key(string record, string? caller)
    {
        Add(TestLog.Event("a", 1));
        var expected = _builder.Build("k", Hash, caller: caller is null ? null : new CallerName(caller));
        var line = record.Replace("{0}", $"{Stamp},\"idempotencyKey\":\"k\",\"bodyHash\":\"{Convert.ToHexStringLower(Hash)}\"", StringComparison.Ordinal);

        Assert.True(RecordFields.TryRead(Encoding.UTF8.GetBytes(line), out var fields));
        Assert.Equal((true, expected.KeyHash), (fields.HasKey, fields.Key));
    }

    private void Add(string line) => Assert.Equal(ParseOutcome.Event, _builder.Add(Encoding.UTF8.GetBytes(line), out _));

    private AppendGroup Built(string line)
    {
        Add(line);
        return _builder.Build();
    }

    private static string Render(AppendGroup group, long from = 0)
    {
        Span<byte> closing = stackalloc byte[AppendGroup.MaxClosingBytes];
        var length = group.HasClosing ? group.WriteClosing(closing, from) : 0;
        return Encoding.UTF8.GetString(group.Bytes) + Encoding.UTF8.GetString(closing[..length]);
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.Parse("2026-01-31T12:34:56.7891Z", CultureInfo.InvariantCulture);
    }
}

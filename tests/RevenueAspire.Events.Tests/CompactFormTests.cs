using System.Buffers;
using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>The form of a line that the log stores.</summary>
public sealed class CompactFormTests
{
    [Theory]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}", "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1")]
    [InlineData("\uFEFF{ \"userId\": \"a b\", \"name\": \"add_revenue\", \"value\": 1 }\r", "{\"userId\":\"a b\",\"name\":\"add_revenue\",\"value\":1")]
    [InlineData("{\"userId\" : \"u\",\n \"name\":\"add_revenue\",\r\n\t\"value\" :1\n}\n", "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1")]
    [InlineData("{\"value\":-0,\"n\\u0061me\":\"add\\u005frevenue\",\"userId\":\"\\/\\u0075\"}",
        "{\"value\":-0,\"n\\u0061me\":\"add\\u005frevenue\",\"userId\":\"\\/\\u0075\"")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"x\": { \"a b\" : [ 1.0 , 1E+2 , \" } \\\" ] \" , { } , [ ] , null ] } , \"x\" : 2 }",
        "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"x\":{\"a b\":[1.0,1E+2,\" } \\\" ] \",{},[],null]},\"x\":2")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"\\ud800\":\"\\\\\"}",
        "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"\\ud800\":\"\\\\\"")]
    public void Only_white_space_between_tokens_is_removed(string line, string compact) => Assert.Equal(compact, Compact(line));

    [Theory]
    [InlineData("timestamp", "1")]
    [InlineData("caller", "\"shop-1\"")]
    [InlineData("idempotencyKey", "\"}\"")]
    [InlineData("bodyHash", "[1,{\"userId\":\"x\"}]")]
    [InlineData("traceparent", "{\"a\":{\"b\":[]}}")]
    [InlineData("batch", "null")]
    [InlineData("t\\u0069mestamp", "\"\"")]
    [InlineData("\\u0062\\u0061\\u0074\\u0063\\u0068", "0")]
    public void Server_fields_are_removed_at_any_position(string name, string value)
    {
        const string expected = "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1";
        var field = $"\"{name}\":{value}";
        Assert.Equal(expected, Compact($"{{{field},\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}}"));
        Assert.Equal(expected, Compact($"{{\"userId\":\"u\",{field},\"name\":\"add_revenue\",{field},\"value\":1}}"));
        Assert.Equal(expected, Compact($"{{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,{field}}}"));
        Assert.Equal(expected, Compact($"{{ {field} , {field} , \"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1 , {field} }}"));
    }

    [Theory]
    [InlineData("\"Timestamp\":1")]
    [InlineData("\"timestamps\":1")]
    [InlineData("\"timestam\":1")]
    [InlineData("\"x\":{\"timestamp\":1,\"batch\":[]}")]
    [InlineData("\"timestamp\\u0000\":1")]
    public void Fields_that_only_resemble_server_fields_stay(string field)
    {
        Assert.Equal(
            $"{{{field},\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1", Compact($"{{{field},\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}}"));
        Assert.Equal(
            $"{{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,{field}", Compact($"{{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,{field}}}"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("{\"userId\":\"\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1.5,\"x\":1}")]
    public void Nothing_is_written_for_a_line_that_is_no_event(string line) => Assert.Equal("", Compact(line));

    [Fact]
    public void The_compact_form_is_appended_to_the_bytes_already_in_the_writer()
    {
        var writer = new ArrayBufferWriter<byte>();
        var parser = new EventParser(EventTypes.Default);
        parser.ParseAndCompact("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}"u8, writer, out _);
        parser.ParseAndCompact("{ \"userId\":\"b\",\"name\":\"add_revenue\",\"value\":2}"u8, writer, out var parsed);
        Assert.Equal("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1{\"userId\":\"b\",\"name\":\"add_revenue\",\"value\":2",
            Encoding.UTF8.GetString(writer.WrittenSpan));
        Assert.Equal("b"u8, parsed.UserId);
    }

    [Fact]
    public void A_null_writer_throws() =>
        Assert.Throws<ArgumentNullException>(() => new EventParser(EventTypes.Default).ParseAndCompact("{}"u8, null!, out _));

    private static string Compact(string line) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(EveryPath.Judge(line).Compact!));
}

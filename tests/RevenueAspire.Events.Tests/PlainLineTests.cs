using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>The lines that must take the fast path. Other tests check only the results, so they would not notice if it were never taken.</summary>
public sealed class PlainLineTests
{
    [Theory]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"subtract_revenue\",\"value\":-98}\r")]
    [InlineData("{ \"userId\": \"user1\", \"name\": \"add_revenue\", \"value\": 98 }")]
    [InlineData("{\"userId\": \"user1\", \"name\": \"add_revenue\", \"value\": 98}")]
    [InlineData("{\"userId\":\"usér 😀\",\"name\":\"add_revenue\",\"value\":999999999999999999}")]
    public void The_template_accepts_typical_lines_of_programs(string line)
    {
        Assert.True(PlainLine.TryParse(Encoding.UTF8.GetBytes(line), EventTypes.Default, out _, out var template));
        Assert.True(template.IsPresent);
    }

    [Theory]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"timestamp\":\"2026-01-31T12:34:56.789Z\"}")]
    [InlineData(
        "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":98,\"timestamp\":\"2026-01-31T12:34:56.789Z\",\"idempotencyKey\":\"a "
        + "b\",\"bodyHash\":\"00ff\"}\r")]
    [InlineData("{\"value\":98,\"name\":\"add_revenue\",\"userId\":\"usér1\"}")]
    [InlineData("{\t\"userId\" : \"user1\",\"name\":\"add_revenue\",\"x\":null,\"y\":true,\"value\":98}")]
    public void Plain_fields_need_no_general_path_in_any_order(string line)
    {
        Assert.True(PlainLine.TryParse(Encoding.UTF8.GetBytes(line), EventTypes.Default, out _, out var template));
        Assert.False(template.IsPresent);
    }

    [Theory]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"value\":98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"u\\u0073erId\":\"user1\"}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\"}")]
    public void Invalid_and_unusual_lines_are_left_to_the_general_path(string line) =>
        Assert.False(PlainLine.TryParse(Encoding.UTF8.GetBytes(line), EventTypes.Default, out _, out _));
}

using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Events.Tests;

public sealed class EventTypesTests
{
    [Fact]
    public void The_default_names_are_add_and_subtract()
    {
        Assert.Equal(["add_revenue", "subtract_revenue"], EventTypes.Default.Signs.Keys);
        Assert.Equal([1, -1], EventTypes.Default.Signs.Values);
        Assert.True(EventTypes.Default.TryGetSign("subtract_revenue"u8, out var sign));
        Assert.Equal(-1, sign);
    }

    [Fact]
    public void Every_name_of_a_large_set_is_found_and_no_other()
    {
        var names = Enumerable.Range(0, 500).Select(n => $"name{n}").ToList();
        var types = EventTypes.Create(names.Select((name, n) => KeyValuePair.Create(name, n % 2 == 0 ? 1 : -1)));
        Assert.Equal(names.Order(StringComparer.Ordinal), types.Signs.Keys);
        for (var n = 0; n < names.Count; n++)
        {
            Assert.True(types.TryGetSign(Encoding.UTF8.GetBytes(names[n]), out var sign));
            Assert.Equal(n % 2 == 0 ? 1 : -1, sign);
        }

        foreach (var other in new[] { "", "name", "name500", "Name1", "name1 ", new string('n', 1000) })
        {
            Assert.False(types.TryGetSign(Encoding.UTF8.GetBytes(other), out var sign));
            Assert.Equal(0, sign);
        }
    }

    [Fact]
    public void The_fingerprint_is_the_same_for_the_same_set_in_any_order()
    {
        var types = EventTypes.Create([new("subtract_revenue", -1), new("add_revenue", 1)]);
        Assert.Equal(EventTypes.Default.Fingerprint.ToArray(), types.Fingerprint.ToArray());
        Assert.Equal(32, types.Fingerprint.Length);
    }

    /// <summary>Frozen ranges contain the fingerprint. If its computation changed, a new processor could not take over the range of an older one.</summary>
    [Fact]
    public void The_fingerprint_is_the_hash_of_version_names_and_signs() => Assert.Equal(
        SHA256.HashData([EventParser.Version, 11, 1, .. "add_revenue"u8, 16, 0xFF, .. "subtract_revenue"u8]),
        EventTypes.Default.Fingerprint.ToArray());

    [Fact]
    public void The_fingerprint_differs_for_each_other_set()
    {
        KeyValuePair<string, int>[][] sets =
        [
            [new("a", 1)], [new("a", -1)], [new("b", 1)], [new("a", 1), new("b", 1)], [new("a", 1), new("b", -1)], [new("ab", 1)], [new("a\u0001\u0001b", 1)],
        ];
        Assert.Equal(sets.Length, sets.Select(set => Convert.ToHexString(EventTypes.Create(set).Fingerprint.Span)).Distinct().Count());
    }

    [Theory]
    [InlineData("refund", 0)]
    [InlineData("refund", 2)]
    [InlineData("refund", int.MinValue)]
    public void A_sign_other_than_1_and_minus_1_is_refused_and_its_name_reported(string name, int sign)
    {
        var error = Assert.Throws<ArgumentException>(() => EventTypes.Create([new(name, sign)]));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(sign.ToString(System.Globalization.CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_name_is_refused()
    {
        Assert.Throws<ArgumentException>(() => EventTypes.Create([new("", 1)]));
        Assert.Throws<ArgumentException>(() => EventTypes.Create([new(new string('x', 129), 1)]));
        Assert.Throws<ArgumentException>(() => EventTypes.Create([new(new string('é', 65), 1)]));
        Assert.Throws<ArgumentException>(() => EventTypes.Create([new("a\ud800", 1)]));
        Assert.Throws<ArgumentException>(() => EventTypes.Create([new(null!, 1)]));
        Assert.Contains("'a'", Assert.Throws<ArgumentException>(() => EventTypes.Create([new("a", 1), new("a", 1)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_set_is_refused() => Assert.Throws<ArgumentException>(() => EventTypes.Create([]));

    [Fact]
    public void A_null_set_throws() => Assert.Throws<ArgumentNullException>(() => EventTypes.Create(null!));
}

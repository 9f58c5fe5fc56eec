using RevenueAspire.Testing;

namespace RevenueAspire.Events.Tests;

/// <summary>The fast path, the general path and an independent oracle agree on every line.</summary>
public sealed class OracleTests(ITestOutputHelper output)
{
    [Fact]
    public void Generated_lines_get_the_result_of_the_oracle()
    {
        var tally = Compare(nameof(Generated_lines_get_the_result_of_the_oracle), 120_000, static (generator, _) => generator.Next());

        // The generator must keep producing every reason.
        Assert.All(Enum.GetValues<RejectReason>().Except([RejectReason.TooLong, RejectReason.Damaged, RejectReason.Unfinished, RejectReason.InvalidUtf8]),
            reason => Assert.True(tally.GetValueOrDefault(reason) > 100, $"{reason}: {tally.GetValueOrDefault(reason)} lines, {Seed.Hint}"));
    }

    [Theory]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n", 1, 1)]
    [InlineData("{\"userId\":\"user12345678901234567890\",\"name\":\"subtract_revenue\",\"value\":-999999999999999999}\nrest", 24, 999999999999999999)]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":9223372036854775807}\n", 0, 0)]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}", 0, 0)]
    [InlineData("{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\r\n", 0, 0)]
    [InlineData("{\"userId\":\"\",\"name\":\"add_revenue\",\"value\":1}\n", 0, 0)]
    [InlineData("{\"userId\":\"a\",\"name\":\"other\",\"value\":1}\n", 0, 0)]
    [InlineData("", 0, 0)]
    public void Plain_lines_are_taken_from_the_front_of_a_longer_text(string lines, int userIdLength, long delta)
    {
        var taken = new EventParser(EventTypes.Default).TryTakePlainLine(System.Text.Encoding.UTF8.GetBytes(lines), out var length, out var value);
        Assert.Equal(userIdLength == 0 ? 0 : lines.IndexOf('\n', StringComparison.Ordinal) + 1, taken);
        if (taken > 0)
        {
            Assert.Equal((userIdLength, delta), (length, value));
        }
    }

    [Fact]
    public void Damaged_lines_get_the_result_of_the_oracle() =>
        Compare(nameof(Damaged_lines_get_the_result_of_the_oracle), 120_000, static (generator, _) => generator.Mutate(generator.Next()));

    [Fact]
    public void Plain_lines_with_one_changed_byte_get_the_result_of_the_oracle()
    {
        var line = "{\"userId\":\"usér1\",\"name\":\"add_revenue\",\"value\":98,\"timestamp\":\"2026\"}"u8.ToArray();
        for (var at = 0; at < line.Length; at++)
        {
            for (var changed = 0; changed < 256; changed++)
            {
                EveryPath.Judge([.. line[..at], (byte)changed, .. line[(at + 1)..]], which: $"byte {at} = {changed}");
            }

            EveryPath.Judge(line[..at], which: $"cut at {at}");
            EveryPath.Judge([.. line[..at], .. line[(at + 1)..]], which: $"without byte {at}");
            EveryPath.Judge([.. line[..at], (byte)' ', .. line[at..]], which: $"a space before byte {at}");
        }
    }

    [Fact]
    public void Short_lines_with_one_changed_byte_get_the_result_of_the_oracle()
    {
        // Lengths of user ids around one vector, and of values around one load of eight digits.
        foreach (var (userId, value) in new[] { (7, 1), (8, 7), (31, 8), (32, 3), (33, 9) })
        {
            var text = $"{{\"userId\":\"{new string('u', userId)}\",\"name\":\"subtract_revenue\",\"value\":{"123456789"[..value]}}}";
            var line = System.Text.Encoding.UTF8.GetBytes(text);
            for (var at = 0; at < line.Length; at++)
            {
                for (var changed = 0; changed < 256; changed++)
                {
                    EveryPath.Judge([.. line[..at], (byte)changed, .. line[(at + 1)..]], which: $"byte {at} = {changed}");
                }
            }
        }
    }

    [Fact]
    public void Random_bytes_get_the_result_of_the_oracle() => Compare(nameof(Random_bytes_get_the_result_of_the_oracle), 50_000, static (_, random) =>
    {
        var bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        return bytes;
    });

    private Dictionary<RejectReason, int> Compare(string test, int count, Func<LineGenerator, Random, byte[]> next)
    {
        var tally = new Dictionary<RejectReason, int>();
        var random = Seed.Random(test);
        var generator = new LineGenerator(random);
        for (var n = 0; n < count; n++)
        {
            var reason = EveryPath.Judge(next(generator, random), which: $"line {n}, {Seed.Hint}").Reason;
            tally[reason] = tally.GetValueOrDefault(reason) + 1;
        }

        output.WriteLine($"{Seed.Hint}: {string.Join(", ", tally.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}"))}");
        return tally;
    }
}

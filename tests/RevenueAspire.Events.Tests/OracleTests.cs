namespace RevenueAspire.Events.Tests;

/// <summary>The fast path, the general path and an independent oracle give one answer to every line.</summary>
public sealed class OracleTests(ITestOutputHelper output)
{
    [Fact]
    public void Generated_lines_get_the_oracles_answer()
    {
        var tally = Compare(400_000, static (generator, _) => generator.Next());

        // The generator must not quietly stop making what it is there for.
        Assert.All(Enum.GetValues<RejectReason>().Except([RejectReason.TooLong, RejectReason.Damaged, RejectReason.Unfinished, RejectReason.InvalidUtf8]),
            reason => Assert.True(tally.GetValueOrDefault(reason) > 100, $"{reason}: {tally.GetValueOrDefault(reason)} lines"));
    }

    [Fact]
    public void Damaged_lines_get_the_oracles_answer() => Compare(400_000, static (generator, _) => generator.Mutate(generator.Next()));

    [Fact]
    public void Random_bytes_get_the_oracles_answer() => Compare(50_000, static (_, random) =>
    {
        var bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        return bytes;
    });

    /// <summary>A seed from a failure can be set in the environment, to see the same lines again.</summary>
    private Dictionary<RejectReason, int> Compare(int count, Func<LineGenerator, Random, byte[]> next)
    {
        var tally = new Dictionary<RejectReason, int>();
        var seed = int.TryParse(Environment.GetEnvironmentVariable("TEST_SEED"), out var given) ? given : Random.Shared.Next();
        output.WriteLine($"TEST_SEED={seed}");
        var generator = new LineGenerator(seed);
        var random = new Random(seed);
        for (var n = 0; n < count; n++)
        {
            var reason = EveryPath.Judge(next(generator, random), which: $"TEST_SEED={seed}, line {n}").Reason;
            tally[reason] = tally.GetValueOrDefault(reason) + 1;
        }

        output.WriteLine(string.Join(", ", tally.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}")));
        return tally;
    }
}

using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>The fast path, the general path and an independent oracle give one answer to every line.</summary>
public sealed class OracleTests(ITestOutputHelper output)
{
    private readonly EventParser _parser = new(EventTypes.Default);

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
            var reason = Check(next(generator, random), $"TEST_SEED={seed}, line {n}");
            tally[reason] = tally.GetValueOrDefault(reason) + 1;
        }

        output.WriteLine(string.Join(", ", tally.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}")));
        return tally;
    }

    private RejectReason Check(byte[] line, string which)
    {
        var expected = Oracle.Judge(line, EventTypes.Default.Signs);
        var parsed = Answer.FromParse(_parser, line);
        var general = Answer.FromGeneralPath(_parser, line);
        var compact = Answer.FromCompact(_parser, line);
        var said = $"{which}: {Encoding.Latin1.GetString(line)}";
        Assert.True(expected with { Compact = null } == general, $"general path: {general}, oracle: {expected}, {said}");
        Assert.True(expected with { Compact = null } == parsed, $"Parse: {parsed}, oracle: {expected}, {said}");
        Assert.True(expected == compact, $"ParseAndCompact: {compact}, oracle: {expected}, {said}");
        if (expected.Outcome == ParseOutcome.Event)
        {
            var again = Encoding.Latin1.GetBytes(compact.Compact + "}");
            Assert.DoesNotContain((byte)'\n', again);
            Assert.True(Answer.FromCompact(_parser, again) == compact, $"The compact form has another answer or form: {said}");
            Assert.True(Answer.FromGeneralPath(_parser, again) == parsed, $"The compact form is another event to the general path: {said}");
        }

        return expected.Reason;
    }
}

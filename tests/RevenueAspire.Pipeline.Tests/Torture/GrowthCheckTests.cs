using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Soak;

namespace RevenueAspire.Pipeline.Tests.Torture;

/// <summary>The verdict of a soak run, for samples of healthy and of leaking services: one sample per ten seconds, over an hour.</summary>
public sealed class GrowthCheckTests
{
    private const int Samples = 330;
    private readonly List<string> _messages = [];

    [Theory]
    [InlineData("memory", 150, 0)]
    [InlineData("memory", 150, 10)]
    [InlineData("handles", 300, 8)]
    [InlineData("threads", 30, 4)]
    public void Fluctuation_is_not_growth(string kind, double first, double swing)
    {
        var gauge = Of(kind);
        Assert.Equal(0, Judge(gauge, sample => first + (swing * Math.Sin(sample / 7.0))));
    }

    [Theory]
    [InlineData("memory", 150, 160)]
    [InlineData("handles", 300, 60)]
    [InlineData("threads", 30, 60)]
    [InlineData("connections", 11, 60)]
    public void A_leak_is_reported_with_both_medians_and_the_bound(string kind, double first, double grownInTheHour)
    {
        var gauge = Of(kind);
        Assert.Equal(1, Judge(gauge, sample => first + (grownInTheHour * sample / Samples)));
        Assert.Contains($"{gauge.Name} grew from", Assert.Single(_messages), StringComparison.Ordinal);
    }

    [Fact]
    public void A_peak_in_the_last_quarter_is_not_growth_but_a_lasting_step_is()
    {
        Assert.Equal(0, Judge(Gauge.Handles("api"), sample => sample == Samples - 5 ? 5_000 : 300));
        Assert.Equal(1, Judge(Gauge.Handles("api"), sample => sample > Samples / 2 ? 400 : 300));
    }

    [Fact]
    public void Gauges_without_a_bound_or_with_few_values_are_not_judged()
    {
        Assert.Equal(0, Judge(new Gauge("database", "MB", null), sample => sample * 100));
        Assert.Equal(0, Judge(Gauge.Memory("load"), sample => sample * 1000, Series.LeastValues - 1));
    }

    private static Gauge Of(string kind) => kind switch
    {
        "memory" => Gauge.Memory("api"),
        "handles" => Gauge.Handles("api"),
        "threads" => Gauge.Threads("api"),
        _ => Gauge.Connections,
    };

    private int Judge(Gauge gauge, Func<int, double> value, int samples = Samples)
    {
        var series = new Series();
        for (var sample = 0; sample < samples; sample++)
        {
            series.Add(value(sample));
        }

        var violations = new Violations(_messages.Add);
        GrowthCheck.Run(new Dictionary<Gauge, Series> { [gauge] = series }, violations);
        return violations.Count(ViolationKind.Other);
    }
}

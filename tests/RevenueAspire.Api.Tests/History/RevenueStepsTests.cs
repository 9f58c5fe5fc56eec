using System.Net;
using RevenueAspire.Ledger;
using RevenueAspire.Ledger.Tests;

namespace RevenueAspire.Api.Tests.History;

public sealed class RevenueStepsTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Each_step_has_its_sum_and_a_step_without_events_has_zero()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var noon = DateTimeOffset.Parse("2026-01-31T12:00:00Z", null).ToUnixTimeMilliseconds();
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, new EventDeltas(
            ("..", new(0, 0, long.MaxValue, noon)), ("..", new(1, 0, long.MaxValue, noon + 1)), ("b", new(2, 1, 4, noon + (2 * 3_600_000)))), [], 3, 3));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        Assert.Equal(
            """
            {"step":"hour","items":[{"from":"2026-01-31T12:00:00Z","revenue":18446744073709551614},
            {"from":"2026-01-31T13:00:00Z","revenue":0},{"from":"2026-01-31T14:00:00Z","revenue":-4}]}
            """.ReplaceLineEndings(""),
            (await api.GetAsync("/revenue?step=hour&from=2026-01-31T12:00:00Z&to=2026-01-31T15:00:00Z")).Expect(HttpStatusCode.OK).Body);
        Assert.Equal(
            """{"step":"day","items":[{"from":"2026-01-31T00:00:00Z","revenue":18446744073709551614},{"from":"2026-02-01T00:00:00Z","revenue":0}]}""",
            (await api.GetAsync("/userRevenue?userId=..&step=day&from=2026-01-31T00:00:00Z&to=2026-02-02T00:00:00Z")).Expect(HttpStatusCode.OK).Body);
        Assert.Equal(
            """{"step":"month","items":[{"from":"2026-01-01T00:00:00Z","revenue":-4}]}""",
            (await api.GetAsync("/userEvents/b/revenue?step=month&from=2026-01-01T01:00:00%2B01:00&to=2026-02-01T00:00:00Z")).Expect(HttpStatusCode.OK).Body);
        (await api.GetAsync("/userEvents/c/revenue?step=month&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z")).ExpectProblem(404, "userId");
    }

    [Theory]
    [InlineData("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "step")]
    [InlineData("step=week&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "step")]
    [InlineData("step=day&step=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "step")]
    [InlineData("step=day&to=2026-01-02T00:00:00Z", "from")]
    [InlineData("step=day&from=2026-01-01T00:00:00Z", "to")]
    [InlineData("step=day&from=2026-01-01T00:00:00Z&to=now", "to")]
    [InlineData("step=day&from=2026-01-01T01:00:00Z&to=2026-01-02T00:00:00Z", "from")]
    [InlineData("step=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00.001Z", "to")]
    [InlineData("step=month&from=2026-01-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from")]
    [InlineData("step=hour&from=2026-01-01T00:00:00Z&to=2026-01-01T00:30:00Z", "to")]
    [InlineData("step=hour&from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from")]
    [InlineData("step=hour&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from")]
    [InlineData("step=hour&from=2026-01-01T00:00:00Z&to=2026-02-11T17:00:00Z", "to")]
    [InlineData("step=hour&from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z", "to")]
    public async Task A_wrong_parameter_is_400_and_is_named(string query, string field)
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        (await api.GetAsync("/revenue?" + query)).ExpectProblem(400, field);
    }

    [Theory]
    [InlineData("step=hour&from=2026-01-01T00:00:00Z&to=2026-02-11T16:00:00Z", 1000)]
    [InlineData("step=month&from=9999-01-01T00:00:00Z&to=9999-12-01T00:00:00Z", 11)]
    public async Task Up_to_1000_steps_are_answered(string query, int steps)
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        Assert.Equal(steps, (await api.GetAsync("/revenue?" + query)).Expect(HttpStatusCode.OK).Json.GetProperty("items").GetArrayLength());
    }
}

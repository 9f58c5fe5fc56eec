namespace RevenueAspire.Ledger.Tests;

public sealed class LedgerQueriesTests(SharedLedger ledger) : IClassFixture<SharedLedger>
{
    [Theory]
    [InlineData("user1", "27")]
    [InlineData("big", "-340282366920938463463374607431768211456")]
    [InlineData("zero", "0")]
    [InlineData("hundred", "100")]
    [InlineData("\U0001f600/%", "1")]
    [InlineData("unknown", null)]
    [InlineData("", null)]
    [InlineData("user1\0", null)]
    [InlineData("user1\ud800", null)]
    public async Task FindRevenueAsync_returns_a_JSON_number_or_null(string userId, string? expected)
    {
        var database = ledger.Database;
        await database.ExecuteAsync(
            "truncate users_revenue; insert into users_revenue values ('user1', 27), ('big', -340282366920938463463374607431768211456), ('zero', 0), "
                + "('hundred', 1e2), (U&'\\+01f600/%', 1)");
        Assert.Equal(expected, await database.Queries.FindRevenueAsync(userId, CancellationToken.None));
    }

    [Fact]
    public async Task Unknown_sources_and_rejected_lines_are_null()
    {
        var database = ledger.Database;
        Assert.Null(await database.Queries.FindAppliedThroughAsync(Guid.NewGuid(), CancellationToken.None));
        Assert.Null(await database.Queries.FindRejectReasonAsync(Guid.NewGuid(), 0, CancellationToken.None));
        var source = await database.OpenLogAsync();
        Assert.Equal(0, await database.Queries.FindAppliedThroughAsync(source.Id, CancellationToken.None));
    }
}

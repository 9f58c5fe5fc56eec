namespace RevenueAspire.Ledger.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void Runs() => Assert.NotEmpty(AppContext.BaseDirectory);
}

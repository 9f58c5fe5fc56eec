namespace RevenueAspire.AppHost.Tests.WithoutAspire;

public sealed class LeftOutTests
{
    [Fact]
    public void The_tests_of_the_Aspire_model_are_left_out() =>
        Assert.Skip("Aspire's packages are not on the NuGet feed: the tests of the Aspire model (WithAspire/) are not compiled.");
}

using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Tests;

public sealed class LoopbackTrafficTests
{
    [Theory]
    [InlineData(null, null, "localhost,127.0.0.1,::1,[::1]")]
    [InlineData("intranet.example, .corp", null, "intranet.example,.corp,localhost,127.0.0.1,::1,[::1]")]
    [InlineData("LOCALHOST,a.example", "a.example,b.example", "LOCALHOST,a.example,b.example,127.0.0.1,::1,[::1]")]
    public void The_loopback_names_are_added_to_the_users_hosts(string? upper, string? lower, string expected) =>
        Assert.Equal(expected, LoopbackTraffic.Bypassed([upper, lower]));
}

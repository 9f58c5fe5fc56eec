using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost.Tests.Defaults;

public sealed class StartupErrorsTests
{
    [Fact]
    public async Task Describe_a_port_in_use_names_the_address_and_what_to_do()
    {
        await using var first = await TestServer.StartAsync();
        var second = WebApplication.CreateSlimBuilder();
        second.Logging.ClearProviders();
        await using var app = second.Build();
        app.Urls.Add(first.Url());

        var line = StartupErrors.Describe(await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync()));

        Assert.Contains(first.Url(), line, StringComparison.Ordinal);
        Assert.Contains("in use", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line!);
    }

    [Fact]
    public async Task Describe_invalid_options_says_which_setting()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddOptions<Limits>().ValidateDataAnnotations().ValidateOnStart();
        using var host = builder.Build();

        var line = StartupErrors.Describe(await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync()));

        Assert.Contains("Batch must be from 1 to 10", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line!);
    }

    [Fact]
    public void Describe_a_bug_is_null() => Assert.Null(StartupErrors.Describe(new InvalidOperationException("a bug")));

    [Fact]
    public async Task RunAsync_lets_a_bug_through_and_returns_the_programs_own_code()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => StartupErrors.RunAsync((Func<Task<int>>)(() => throw new InvalidOperationException("a bug"))));
        Assert.Equal(3, await StartupErrors.RunAsync(() => Task.FromResult(3)));
        Assert.Equal(1, await StartupErrors.RunAsync((Func<Task<int>>)(() => throw new TimeoutException()), exception => exception is TimeoutException ? "a line of the test: too late" : null));
    }

    private sealed class Limits
    {
        [Range(1, 10, ErrorMessage = "Batch must be from 1 to 10")]
        public int Batch { get; set; }
    }
}

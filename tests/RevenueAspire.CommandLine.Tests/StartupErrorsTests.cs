using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.CommandLine.Tests;

public sealed class StartupErrorsTests
{
    [Fact]
    public async Task Describe_a_port_in_use_names_the_address_and_the_remedy()
    {
        await using var first = Build();
        first.Urls.Add("http://127.0.0.1:0");
        await first.StartAsync();
        await using var app = Build();
        app.Urls.Add(first.Urls.Single());

        var line = StartupErrors.Describe(await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync()));

        Assert.Contains(first.Urls.Single(), line, StringComparison.Ordinal);
        Assert.Contains("in use", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line!);
    }

    [Theory]
    [InlineData("http://203.0.113.9:8765")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("http://localhost:99999")]
    [InlineData("ftp://127.0.0.1:8765")]
    [InlineData("nonsense")]
    [InlineData("http://unix:/proc/none/socket")]
    public async Task Describe_an_unusable_address_names_it_and_the_remedy(string address)
    {
        var builder = WebApplication.CreateBuilder();
        builder.AddOneLineOutput();
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        app.Urls.Add(address);

        var line = StartupErrors.Describe(await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync()));

        Assert.Contains(address, line, StringComparison.Ordinal);
        Assert.Contains("ASPNETCORE_URLS", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line!);
    }

    [Fact]
    public async Task Describe_https_without_a_certificate_and_an_address_without_permission_name_it()
    {
        Exception[] reasons =
        [
            new InvalidOperationException("Unable to configure HTTPS endpoint.\nTo generate a developer certificate run 'dotnet dev-certs https'."),
            new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.AccessDenied),
            new IOException(
                "Failed to bind to address http://localhost:80.",
                new AggregateException(new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.AccessDenied))),
        ];
        foreach (var reason in reasons)
        {
            var builder = WebApplication.CreateBuilder();
            builder.Services.AddSingleton<IServer, FailingServer>();
            builder.Services.AddSingleton(reason);
            builder.AddOneLineOutput();
            builder.Logging.ClearProviders();
            await using var app = builder.Build();
            app.Urls.Add("https://localhost:443");

            var line = StartupErrors.Describe(await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync()));

            Assert.StartsWith("Cannot listen on https://localhost:443: ", line, StringComparison.Ordinal);
            Assert.Contains(reason is InvalidOperationException ? "dev-certs" : "ermission denied", line, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', line!);
        }
    }

    [Fact]
    public async Task A_background_service_that_fails_ends_the_program_with_exit_code_1()
    {
        Exception? thrown = null;
        var code = await StartupErrors.RunAsync(
            async () =>
            {
                var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
                builder.AddOneLineOutput();
                builder.Logging.ClearProviders();
                builder.Services.AddHostedService<Failing>();
                using var host = builder.Build();
                await host.RunAsync();
            },
            exception =>
            {
                thrown = exception;
                return null;
            });

        Assert.Equal(1, code);
        Assert.Contains("Failing has failed, and the program has stopped: the disk is gone", StartupErrors.Describe(thrown!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Describe_invalid_options_names_the_setting()
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
    public async Task RunAsync_returns_1_and_a_report_for_a_bug_and_otherwise_the_programs_code()
    {
        Assert.Equal(1, await StartupErrors.RunAsync((Func<Task<int>>)(() => throw new InvalidOperationException("a bug of the test"))));
        Assert.Equal(3, await StartupErrors.RunAsync(() => Task.FromResult(3)));
        Assert.Equal(
            1,
            await StartupErrors.RunAsync(
                (Func<Task<int>>)(() => throw new TimeoutException()), exception => exception is TimeoutException ? "a line of the test: too late" : null));
    }

    [Fact]
    public void DescribeOrReport_of_a_bug_is_one_line_and_the_report_has_the_stack_trace()
    {
        Exception thrown;
        try
        {
            throw new InvalidOperationException("a bug\nwith two lines \u001b[31m");
        }
        catch (InvalidOperationException exception)
        {
            thrown = exception;
        }

        var line = StartupErrors.DescribeOrReport(thrown);

        Assert.Contains("InvalidOperationException: a bug with two lines \\u001b[31m. ", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
        var path = line[(line.IndexOf("The report is in ", StringComparison.Ordinal) + "The report is in ".Length)..];
        Assert.Contains(nameof(DescribeOrReport_of_a_bug_is_one_line_and_the_report_has_the_stack_trace), File.ReadAllText(path), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }

        File.Delete(path);
    }

    [Fact]
    public void Describe_treats_only_errors_of_the_file_system_as_user_errors()
    {
        var missing = Assert.ThrowsAny<IOException>(() => File.ReadAllText("/nowhere/at/all"));
        Assert.Contains("/nowhere/at/all", StartupErrors.Describe(missing), StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            var full = Assert.ThrowsAny<IOException>(() => File.WriteAllText("/dev/full", "x"));
            Assert.Contains("/dev/full", StartupErrors.Describe(full), StringComparison.Ordinal);
        }

        Exception[] bugs =
        [
            new IOException("a transport broke"), new EndOfStreamException(), new FileLoadException("x"),
            new FileNotFoundException("Could not load", "Some.Library, Version=1.0.0.0"),
        ];
        foreach (var bug in bugs)
        {
            Assert.Null(StartupErrors.Describe(bug));
        }
    }

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        return builder.Build();
    }

    private sealed class Failing : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            throw new NotSupportedException("the disk is gone");
        }
    }

    private sealed class FailingServer(Exception reason) : IServer
    {
        public IFeatureCollection Features { get; } = WithAddresses();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken) where TContext : notnull =>
            Task.FromException(reason);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }

        private static FeatureCollection WithAddresses()
        {
            var features = new FeatureCollection();
            features.Set<IServerAddressesFeature>(new ServerAddressesFeature());
            return features;
        }
    }

    private sealed class Limits
    {
        [Range(1, 10, ErrorMessage = "Batch must be from 1 to 10")]
        public int Batch { get; set; }
    }
}

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RevenueAspire.Api.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>The real executable: its exit codes, and one line per user error.</summary>
public sealed class StartupTests : IDisposable
{
    private const string Api = "RevenueAspire.Api";

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private string[] Valid => ["--urls=http://127.0.0.1:0", "--Ingest:Secrets=s", "--EventLog:Directory=" + _directory.File("events")];

    public static TheoryData<string, string> WrongSettings => new()
    {
        { "--Ingest:Secrets=", "Ingest:Secrets" },
        { "--Ingest:Secrets=schlüssel", "Ingest:Secrets" },
        { "--Ingest:Secrets:shop 1=x", "Ingest:Secrets:shop 1: " },
        { "--Ingest:Secrets:kiosk=", "Ingest:Secrets:kiosk has an entry" },
        { "--Ingest:Secrets:kiosk=ä", "Ingest:Secrets:kiosk has an entry" },
        { "--Ingest:Secrets:other=x", "Ingest:Secrets:other: " },
        { "--Ingest:Secrets:kiosk=s", "Ingest:Secrets and Ingest:Secrets:kiosk hold the same secret" },
        { "--Ingest:Secrets:kässe=x", "Ingest:Secrets:kässe: " },
        { "--Limits:EventsPerSecond=0", "Limits:EventsPerSecond: " },
        { "--Limits:EventsPerSecond=fast", "Limits:EventsPerSecond" },
        { "--Limits:EventPerSecond=5", "Limits:EventPerSecond: " },
        { "--Limits:Burst=5", "Limits:Burst: needs Limits:EventsPerSecond" },
        { "--Limits:Callers:kiosk:EventsPerSecond=5", "Limits:Callers:kiosk: no secret of Ingest:Secrets has this name" },
        { "--Limits:Callers:kiosk:Rate=5", "Limits:Callers:kiosk:Rate: " },
        { "--Limits:Callers:kiosk:Burst=5", "Limits:Callers:kiosk:EventsPerSecond: " },
        { "--Limits:Callers:kiosk=5", "Limits:Callers:kiosk" },
        { "--Ingest:ReadSecrets:0=", "Ingest:ReadSecrets" },
        { "--Ingest:ReadSecrets=", "Ingest:ReadSecrets" },
        { "--Api:MaxBatchBytes=1073741824", "Api:MaxBatchBytes" },
        { "--Api:ReadAfterTimeout=abc", "Api:ReadAfterTimeout" },
        { "--Api:ReadAfterTimeout=5", "Api:ReadAfterTimeout" },
        { "--Api:MaxEventBytes=1", "Api:MaxEventBytes" },
        { "--Api:BatchMemoryBytes=2000000", "Api:BatchMemoryBytes" },
        { "--EventLog:SegmentBytes=1", "EventLog:SegmentBytes" },
        { "--EventLog:Engine=Tape", "EventLog:Engine must be File or Postgres, not 'Tape'" },
        { "--EventLog:Engine=Postgres", "ConnectionStrings:revenuedb" },
        { "--EventTypes:add_revenue=2", "EventTypes: the sign of 'add_revenue' must be 1 or -1, not 2." },
        { "--EventTypes:add_revenue=x", "EventTypes:add_revenue must be 1 or -1, not 'x'." },
        { "--ConnectionStrings:revenuedb=nonsense", "ConnectionStrings:revenuedb" },
        { "--ConnectionStrings:revenuedb=Username=postgres;Database=revenuedb", "ConnectionStrings:revenuedb" },
        { "--EventLog:Directory=/proc/nope/events", "/proc/nope/events" },
        { "--AllowedHosts=;", "AllowedHosts: " },
    };

    /// <summary>Lists of settings without the prefix <c>Authentication:Schemes:Bearer</c>, with the expected error.</summary>
    public static TheoryData<string, string> WrongTokenSettings => new()
    {
        { "Authority=https://login.test", "Bearer:ValidAudience is not set" },
        { "ValidAudience=a", "Bearer has neither Authority nor SigningKeys" },
        { "ValidAudience=a ValidIssuer=i", "Bearer has neither Authority nor SigningKeys" },
        { "ValidAudience=a Authority=nonsense", "Bearer:Authority must be a URL" },
        { "ValidAudience=a Authority=http://login.test", "Bearer:Authority must begin with https" },
        { "ValidAudience=a Authority=http://login.test RequireHttpsMetadata=false", "Bearer:Authority must begin with https" },
        { "ValidAudience=a Authority=http://localhost RequireHttpsMetadata=true", "Bearer:Authority must begin with https" },
        { "ValidAudience=a MetadataAddress=http://login.test/x", "Bearer:MetadataAddress must begin with https" },
        { "ValidAudience=a Authority=https://login.test ValidateAudience=false", "Bearer:ValidateAudience must be true" },
        { "ValidAudience=a Authority=https://login.test ValidateIssuer=false", "Bearer:ValidateIssuer must be true" },
        { "ValidAudience=a Authority=https://login.test RequireHttpsMetadata=x", "Bearer:RequireHttpsMetadata must be true or false" },
        { "ValidAudience=a Authority=https://login.test RequireHttpsMetadata=false", "Bearer:RequireHttpsMetadata must be true or absent" },
        { "ValidAudience=a Authority=https://login.test SaveToken=false", "Bearer:SaveToken has no effect" },
        { "ValidAudience=a Authority=https://login.test RefreshInterval=00:00:00.9", "Bearer:RefreshInterval must be a time" },
        { "ValidAudience=a Authority=https://login.test RefreshInterval=2.00:00:00", "Bearer:RefreshInterval must be a time" },
        { "ValidAudience=a Authority=https://login.test BackchannelTimeout=x", "Bearer:BackchannelTimeout must be a time" },
        { $"ValidAudience=a SigningKeys:0:Issuer=i SigningKeys:0:Value={Key}", "Bearer:ValidIssuer is not set" },
        { $"ValidAudience=a ValidIssuer=j SigningKeys:0:Issuer=i SigningKeys:0:Value={Key}", "SigningKeys:0:Issuer must be one of" },
        {
            $"ValidAudience=a ValidIssuer=i SigningKeys:0:Issuer=i SigningKeys:0:Value={Key} SigningKeys:1:Issuer=i SigningKeys:1:Value={Key}",
            "SigningKeys:1:Issuer has a key already"
        },
        { "ValidAudience=a ValidIssuer=i SigningKeys:0:Issuer=i SigningKeys:0:Value=short", "SigningKeys:0:Value must be a shared key" },
    };

    private static string Key => Convert.ToBase64String(new byte[32]);

    [Theory]
    [MemberData(nameof(WrongTokenSettings))]
    public void A_wrong_token_setting_is_reported_in_one_line_that_names_it(string settings, string named)
    {
        var exception = Assert.ThrowsAny<Exception>(
            () => Program.Build([.. Valid, .. settings.Split(' ').Select(setting => "--Authentication:Schemes:Bearer:" + setting)]));

        var line = StartupFailure.Describe(exception) ?? StartupErrors.Describe(exception);
        Assert.True(line is not null, exception.ToString());
        Assert.Contains(named, line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
        Assert.False(Directory.Exists(_directory.File("events")), "a wrong setting must not create a log");
    }

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public void A_wrong_setting_is_reported_in_one_line_that_names_it(string setting, string named)
    {
        var exception = Assert.ThrowsAny<Exception>(() => Program.Build([.. Valid, setting]));

        var line = StartupFailure.Describe(exception) ?? StartupErrors.Describe(exception);
        Assert.True(line is not null, exception.ToString());
        Assert.Contains(named, line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
        Assert.False(Directory.Exists(_directory.File("events")) && setting.Contains("Secrets", StringComparison.Ordinal),
            "a wrong setting must not create a log");
    }

    [Fact]
    public async Task An_invalid_address_prints_one_line_and_exits_with_1()
    {
        await using var process = await ServiceProcess.RunAsync(Api, [.. Valid, "--urls=nonsense"]);

        AssertOneLine(process, 1, "nonsense");
    }

    [Theory]
    [InlineData("http://203.0.113.9:8765")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("ftp://127.0.0.1:8765")]
    public async Task An_unavailable_address_prints_one_line_and_exits_with_1(string address)
    {
        await using var process = await ServiceProcess.RunAsync(Api, [.. Valid, "--urls=" + address]);

        AssertOneLine(process, 1, address);
    }

    [Fact]
    public async Task A_background_service_that_fails_ends_the_process_with_1()
    {
        var app = Program.Build([.. Valid, "--Logging:LogLevel:Default=None"], builder => builder.Services.AddHostedService<Failing>());

        Assert.Equal(1, await StartupErrors.RunAsync(() => app.RunAsync(), StartupFailure.Describe).WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task The_api_accepts_events_after_any_exception_of_the_database_driver()
    {
        await using var api = await ApiHost.StartAsync(
            _directory, "Host=localhost", builder => builder.Services.AddSingleton<NpgsqlDataSource>(_ => throw new ArgumentException("Host can't be null")));

        await Eventually.IsTrueAsync(async () => (await api.GetAsync("/userEvents/user1")).Status == 503);
        await Task.Delay(200);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        Assert.Equal("Degraded", (await api.GetAsync("/health")).Expect(HttpStatusCode.OK).Json.GetProperty("status").GetString());
    }

    /// <summary>The default authentication libraries store a key in the home directory.</summary>
    [Fact]
    public async Task A_start_writes_nothing_to_the_home_directory()
    {
        var home = Directory.CreateDirectory(_directory.File("home")).FullName;
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = ServiceProcess.Start(Api, [.. Valid, "--urls=" + url], new Dictionary<string, string?> { ["HOME"] = home });

        await process.WaitForUrlAsync(url + "/health");

        Assert.Equal(0, await process.TerminateAsync());
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
    }

    [Fact]
    public async Task Outside_development_a_secret_must_be_set()
    {
        await using var process = await ServiceProcess.RunAsync(Api, ["--urls=http://127.0.0.1:0", "--EventLog:Directory=" + _directory.File("events")]);

        AssertOneLine(process, 1, "Ingest:Secrets");
    }

    [Fact]
    public async Task A_port_in_use_prints_one_line_and_exits_with_1()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

        await using var process = await ServiceProcess.RunAsync(Api, [.. Valid, "--urls=" + url]);

        AssertOneLine(process, 1, url);
    }

    [Fact]
    public async Task A_log_directory_held_by_another_api_prints_one_line_and_exits_with_1()
    {
        await using var first = await ApiHost.StartAsync(_directory);

        await using var process = await ServiceProcess.RunAsync(Api, Valid);

        AssertOneLine(process, 1, _directory.File("events"));
        (await first.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_file_as_log_directory_prints_one_line_and_exits_with_1()
    {
        await File.WriteAllTextAsync(_directory.File("events"), "");

        await using var process = await ServiceProcess.RunAsync(Api, Valid);

        AssertOneLine(process, 1, _directory.File("events"));
    }

    [Fact]
    public async Task An_argument_that_is_not_a_setting_is_wrong_usage()
    {
        await using var process = await ServiceProcess.RunAsync(Api, [.. Valid, "start"]);

        AssertOneLine(process, 2, "--help");
        Assert.Contains("'start'", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_is_printed_and_exits_with_0()
    {
        await using var process = await ServiceProcess.RunAsync(Api, ["--help"]);

        Assert.Equal(0, process.ExitCode);
        Assert.Contains("Usage: dotnet RevenueAspire.Api.dll", process.StandardOutput[2], StringComparison.Ordinal);
        Assert.Empty(process.StandardError);
    }

    [Fact]
    public async Task The_api_runs_from_any_directory_with_settings_from_environment_and_arguments()
    {
        var port = FreePort.Next();
        await using var process = ServiceProcess.Start(
            Api, [$"--EventLog:Directory={_directory.File("events")}"],
            new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}", ["Ingest__Secrets"] = "from environment" }, _directory.Path);
        await process.WaitForUrlAsync($"http://127.0.0.1:{port}/health");

        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}/liveEvent")
        {
            Content = ApiHost.Body(Sample.Plain, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "from environment");
        Assert.Equal(HttpStatusCode.Accepted, (await client.SendAsync(request)).StatusCode);

        Assert.Equal(0, await process.TerminateAsync());
        Assert.DoesNotContain("from environment", process.Output, StringComparison.Ordinal);
        Assert.Equal([_directory.File("events")], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Theory]
    [InlineData("--help", ">/dev/full", 1)]
    [InlineData("--help", ">&-", 1)]
    [InlineData("--help", "> >(true)", 1)]
    [InlineData("--bogus", "2>/dev/full", 2)]
    [InlineData("--bogus", "<&- >&- 2>&-", 2)]
    [InlineData("--urls=ftp://x", ">/dev/full 2>/dev/full", 1)]
    public async Task Text_that_cannot_be_written_sets_the_exit_code(string argument, string redirections, int exitCode)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /dev/full");
        var environment = new Dictionary<string, string?> { ["Ingest__Secrets"] = "s", ["EventLog__Directory"] = _directory.File("events") };

        await using var process = await ServiceProcess.RunAsync(Api, [argument], environment, redirections: redirections);

        Assert.True(process.ExitCode == exitCode, $"{process.ExitCode}: {process.Output}");
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "--Section:Key", "value" }, null)]
    [InlineData(new[] { "--Section:Key=value", "--urls=x" }, null)]
    [InlineData(new[] { "--Section:Key", "--urls=x" }, 2)]
    [InlineData(new[] { "--urls=x", "-v" }, 2)]
    [InlineData(new[] { "--urls=x", "--" }, 2)]
    [InlineData(new[] { "--=x" }, 2)]
    [InlineData(new[] { "--verbose" }, 2)]
    [InlineData(new[] { "--urls=x", "-h" }, 0)]
    public void Arguments_are_settings(string[] arguments, int? exitCode) =>
        Assert.Equal(exitCode, ApiCommandLine.TryExit(arguments, TextWriter.Null, TextWriter.Null));

    private sealed class Failing : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Delay(100, stoppingToken);
            throw new InvalidOperationException("made up by a test");
        }
    }

    private static void AssertOneLine(ServiceProcess process, int exitCode, string named)
    {
        Assert.True(process.ExitCode == exitCode, $"exit code {process.ExitCode}\n{process.Output}");
        var line = Assert.Single(process.StandardError);
        Assert.Contains(named, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", process.Output, StringComparison.Ordinal);
    }
}

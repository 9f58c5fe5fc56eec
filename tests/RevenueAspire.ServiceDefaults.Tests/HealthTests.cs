using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RevenueAspire.ServiceDefaults.Tests;

public sealed class HealthTests
{
    [Theory]
    [InlineData(HealthStatus.Healthy, HttpStatusCode.OK)]
    [InlineData(HealthStatus.Degraded, HttpStatusCode.OK)]
    [InlineData(HealthStatus.Unhealthy, HttpStatusCode.ServiceUnavailable)]
    public async Task Health_reports_the_worst_status_and_names_each_check(HealthStatus status, HttpStatusCode code)
    {
        var data = new Dictionary<string, object> { ["lagBytes"] = 12L, ["since"] = "noon", ["ratio"] = 0.5, ["stopped"] = true };
        await using var app = await TestServer.StartAsync(
            builder => builder.Services.AddHealthChecks().AddCheck("ledger", () => new HealthCheckResult(status, "a reason", data: data)));
        using var http = new HttpClient();

        using var answer = await http.GetAsync(app.Url() + "/health");

        Assert.Equal(code, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(status.ToString(), body.RootElement.GetProperty("status").GetString());
        Assert.Equal("Healthy", body.RootElement.GetProperty("checks").GetProperty("self").GetProperty("status").GetString());
        Assert.Equal(
            $$$"""{"status":"{{{status}}}","description":"a reason","data":{"lagBytes":12,"since":"noon","ratio":0.5,"stopped":true}}""",
            body.RootElement.GetProperty("checks").GetProperty("ledger").GetRawText());
    }

    [Fact]
    public async Task Alive_runs_only_liveness_checks()
    {
        await using var app = await TestServer.StartAsync(
            builder => builder.Services.AddHealthChecks().AddCheck("ledger", () => HealthCheckResult.Unhealthy("gone")));
        using var http = new HttpClient();

        var body = await http.GetStringAsync(app.Url() + "/alive");

        Assert.Contains("\"self\"", body, StringComparison.Ordinal);
        Assert.DoesNotContain("ledger", body, StringComparison.Ordinal);
    }
}

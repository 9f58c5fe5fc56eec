using System.Net.Http.Json;
using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Testing;
using TempDirectory = RevenueAspire.Testing.TempDirectory;

namespace RevenueAspire.AppHost.Tests.WithAspire;

/// <summary>The Aspire model as it runs: real services, a local Postgres, so that no container engine is needed.</summary>
public sealed class ModelTests
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task The_sample_is_sent_and_counted_through_the_model()
    {
        using var folder = new TempDirectory();
        if (!OperatingSystem.IsWindows())
        {
            // Postgres' own user must reach the data.
            File.SetUnixFileMode(folder.Path, File.GetUnixFileMode(folder.Path) | UnixFileMode.OtherExecute);
        }

        using var limit = new CancellationTokenSource(StartLimit);
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            ["--Postgres:Mode=local", $"--Data:Directory={folder.File("data")}", $"--Ports:Api={FreePort.Next()}", $"--Ports:Client={FreePort.Next()}"],
            limit.Token);
        await using var app = await builder.BuildAsync(limit.Token);
        await app.StartAsync(limit.Token);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("api", limit.Token);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("client", limit.Token);
        using var api = app.CreateHttpClient("api");
        using var client = app.CreateHttpClient("client");

        await Eventually.EqualsAsync(27, () => RevenueAsync(api), StartLimit);
        (await client.PostAsync("/generateEvents", null, limit.Token)).EnsureSuccessStatusCode();
        await Eventually.EqualsAsync(54, () => RevenueAsync(api), StartLimit);
    }

    [Fact]
    public async Task Published_the_model_has_a_real_Postgres_and_no_secret_in_clear()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(["--operation", "publish", "--step", "publish-manifest"]);
        await using var app = await builder.BuildAsync();
        var model = app.Services.GetRequiredService<DistributedApplicationModel>();

        Assert.Single(model.Resources.OfType<PostgresServerResource>());
        Assert.Equal(["api", "client", "processor"], model.Resources.OfType<ProjectResource>().Select(r => r.Name).Order());
        Assert.All(model.Resources.OfType<ParameterResource>(), parameter => Assert.True(parameter.Secret, parameter.Name));
    }

    private static async Task<long> RevenueAsync(HttpClient api)
    {
        using var answer = await api.GetAsync("/userEvents/user1");
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("revenue").GetInt64() : 0;
    }
}

using System.Text.Json.Nodes;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>Rules R4 and R5: <c>/health</c> reports the durability of acknowledged commits, and names a wait for standbys.</summary>
[Collection(ReplicatedServers.Name)]
public sealed class HealthTests(ReplicatedServers fixture)
{
    private static readonly RevenueEvent First = new("user1", "add_revenue", 98);

    [Fact]
    public async Task Health_reports_the_durability_of_each_setting_and_the_standbys()
    {
        var servers = await fixture.WholeAsync();
        var connectionString = await servers.CreateDatabaseAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(connectionString, apis: 1);
        try
        {
            foreach (var (setting, append, ledger) in new[]
            {
                ("on", "flush", "flush"), ("remote_apply", "apply", "apply"), ("remote_write", "flush", "remote write"),
                ("local", "flush", "local"), ("off", "flush", "flush"),
            })
            {
                await servers.ExecuteAsync($"alter system set synchronous_commit = '{setting}'");
                await servers.ExecuteAsync("select pg_reload_conf()");
                await Eventually.EqualsAsync($"{setting}: {append}, {ledger}", async () =>
                {
                    var seen = await DataAsync(installation.Apis[0]);
                    return $"{seen["synchronousCommit"]}: {seen["appendDurability"]}, {seen["ledgerDurability"]}";
                });
            }
        }
        finally
        {
            await servers.ExecuteAsync("alter system reset synchronous_commit");
            await servers.ExecuteAsync("select pg_reload_conf()");
        }

        // Compare with the names that the server reports.
        var data = await DataAsync(installation.Apis[0]);
        Assert.Equal(await servers.ExecuteAsync("show synchronous_standby_names"), Text(data, "synchronousStandbyNames"));
        const string names = "select string_agg(application_name, ', ' order by application_name) from pg_stat_replication";
        Assert.Equal(await servers.ExecuteAsync(names), Text(data, "standbys"));
    }

    [Fact]
    public async Task Health_reports_that_the_role_may_not_see_the_standbys()
    {
        var servers = await fixture.WholeAsync();
        var connectionString = new NpgsqlConnectionStringBuilder(await servers.CreateDatabaseAsync());
        var role = "r" + Guid.NewGuid().ToString("N");
        await servers.ExecuteAsync($"create role {role} login password 'role'");
        await servers.ExecuteAsync($"alter database {connectionString.Database} owner to {role}");
        (connectionString.Username, connectionString.Password) = (role, "role");
        await using var installation = await ReplicatedInstallation.StartAsync(connectionString.ConnectionString, apis: 1);

        var data = await DataAsync(installation.Apis[0]);

        Assert.StartsWith("not visible", Text(data, "standbys"), StringComparison.Ordinal);
        Assert.StartsWith("ANY 1 (", Text(data, "synchronousStandbyNames"), StringComparison.Ordinal);
        Assert.Equal(("flush", "flush"), (Text(data, "appendDurability"), Text(data, "ledgerDurability")));
    }

    [Fact]
    public async Task Health_is_Degraded_while_an_append_waits_for_a_standby()
    {
        var servers = await fixture.WholeAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await servers.CreateDatabaseAsync(), apis: 1);
        var api = installation.Apis[0];
        await installation.PostUntilAcknowledgedAsync(api, First, "first");

        await servers.PauseStandbysAsync();
        Assert.Null(await installation.PostAsync(api, First, "second"));

        var checks = await EventuallyAsync(api, "Degraded", checks => Description(checks, "database").Contains("waits for", StringComparison.Ordinal));
        Assert.Equal("Degraded", Text(checks["log"]!, "status"));
        Assert.Contains("a commit waits for the database's synchronous standbys", Description(checks, "log"), StringComparison.Ordinal);
        Assert.DoesNotContain("events are accepted", Description(checks, "database"), StringComparison.Ordinal);

        servers.Resume();
        await EventuallyAsync(api, "Healthy", _ => true);
    }

    [Fact]
    public async Task With_the_log_in_files_Health_is_Degraded_while_the_ledger_waits_for_a_standby_and_events_are_accepted()
    {
        var servers = await fixture.WholeAsync();
        var connectionString = await servers.CreateDatabaseAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(connectionString, apis: 0);
        installation.Installation.Settings.Remove("EventLog__Engine");
        var api = await installation.StartApiAsync();

        // Use the driver's default timeout of 30 s, after which a merge stops waiting.
        installation.Installation.Start("RevenueAspire.Processor", new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = connectionString });
        await EventuallyAsync(api, "Healthy", _ => true);

        await servers.PauseStandbysAsync();
        await installation.PostUntilAcknowledgedAsync(api, First, "first");

        var checks = await EventuallyAsync(api, "Degraded", checks => Description(checks, "database").Contains("waits for", StringComparison.Ordinal));
        Assert.Contains("events are accepted", Description(checks, "database"), StringComparison.Ordinal);
        Assert.Equal("events are accepted", Description(checks, "log"));
        Assert.Equal("flush", Text(checks["database"]!["data"]!, "ledgerDurability"));
        Assert.Null(checks["database"]!["data"]!["appendDurability"]);

        servers.Resume();
        await EventuallyAsync(api, "Healthy", _ => true);
    }

    /// <summary>Waits until the report has the status and its checks satisfy the condition; returns the checks.</summary>
    private static Task<JsonObject> EventuallyAsync(ReplicatedInstallation.Api api, string status, Func<JsonObject, bool> fits) =>
        Eventually.GetAsync(
            async () =>
            {
                using var http = new HttpClient { DefaultRequestHeaders = { { "Authorization", Installation.Secret } } };
                using var response = await http.GetAsync(api.Url + "/health");
                var health = JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject();
                var checks = health["checks"]!.AsObject();
                return Text(health, "status") == status && fits(checks) ? checks : null;
            },
            goal: status);

    private static async Task<JsonObject> DataAsync(ReplicatedInstallation.Api api) =>
        (await EventuallyAsync(api, "Healthy", _ => true))["database"]!["data"]!.AsObject();

    private static string Description(JsonObject checks, string check) => Text(checks[check]!, "description");

    private static string Text(JsonNode element, string name) => element[name]?.GetValue<string>() ?? "";
}

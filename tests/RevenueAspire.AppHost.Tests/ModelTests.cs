using System.Net;
using System.Net.Sockets;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests;

/// <summary>The Aspire model in operation: real services, a real database, the real orchestrator.</summary>
public sealed class ModelTests
{
    [Fact]
    public async Task The_sample_is_counted_while_a_processor_restarts_and_the_commands_report_their_results()
    {
        await using var model = await RunningModel.StartAsync();
        await model.WaitUntilUpAsync();
        var commands = model.App.ResourceCommands;
        await model.HasRevenueAsync("user1", 27);
        var replicas = await model.ReplicasAsync("processor", 2);

        Assert.True((await commands.ExecuteCommandAsync(replicas[0], KnownResourceCommands.StopCommand)).Success);
        var sent = await commands.ExecuteCommandAsync("client", "send-events");
        Assert.True((await commands.ExecuteCommandAsync(replicas[0], KnownResourceCommands.StartCommand)).Success);

        Assert.Equal((true, "events.jsonl: 5 events sent, 5 accepted, 0 rejected."), (sent.Success, sent.Message));
        await model.HasRevenueAsync("user1", 54);

        var load = await commands.ExecuteCommandAsync("client", "send-load", Arguments(("count", "2000"), ("rate", "2000")));
        Assert.True(load.Success, load.Message);
        Assert.StartsWith("2,000 events sent, 2,000 accepted, 0 failed, 0 due but not sent, in ", load.Message, StringComparison.Ordinal);
        // The probability that none of these users gets one of the 2,000 events is 10^-17.
        await Eventually.IsTrueAsync(async () =>
        {
            var answers = await Task.WhenAll(Enumerable.Range(1, 20).Select(user => model.Api.GetAsync($"/userEvents/load-{user}")));
            return answers.Any(answer => answer.IsSuccessStatusCode);
        });

        using var folder = new TempDirectory();
        var file = folder.File("day1.jsonl");
        await File.WriteAllTextAsync(file, """{"userId":"user1","name":"add_revenue","value":5}""" + "\n");
        var processed = await commands.ExecuteCommandAsync(replicas[1], "process-file", Arguments(("path", file)));
        Assert.Equal((true, "day1.jsonl: every line is counted."), (processed.Success, processed.Message));
        Assert.Contains("day1.jsonl", processed.Data!.Value, StringComparison.Ordinal);
        await model.HasRevenueAsync("user1", 59);

        var verified = await commands.ExecuteCommandAsync(replicas[1], "verify-ledger");
        Assert.True(verified.Success, verified.Message);
        Assert.EndsWith("all equal.", verified.Message, StringComparison.Ordinal);

        Assert.False((await commands.ExecuteCommandAsync("client", "send-load", Arguments(("count", "none"), ("rate", "1000")))).Success);
        Assert.False((await commands.ExecuteCommandAsync("client", "send-load", Arguments(("count", "1000"), ("rate", "0")))).Success);
        Assert.False((await commands.ExecuteCommandAsync("client", "send-load", Arguments(("count", "86400"), ("rate", "1")))).Success);
        Assert.False((await commands.ExecuteCommandAsync(replicas[1], "process-file", Arguments(("path", folder.File("none.jsonl"))))).Success);
        Assert.Empty(model.Complaints);
    }

    [Fact]
    public async Task Events_accepted_while_the_database_is_stopped_are_applied_after_its_start()
    {
        await using var model = await RunningModel.StartAsync();
        await model.WaitUntilUpAsync();
        var commands = model.App.ResourceCommands;
        await model.HasRevenueAsync("user1", 27);

        Assert.True((await commands.ExecuteCommandAsync("postgres", KnownResourceCommands.StopCommand)).Success);
        using var limit = new CancellationTokenSource(RunningModel.StartLimit);
        await model.App.ResourceNotifications.WaitForResourceAsync("revenuedb", KnownResourceStates.Exited, limit.Token);
        var sent = await commands.ExecuteCommandAsync("client", "send-events");
        Assert.Equal((true, "events.jsonl: 5 events sent, 5 accepted, 0 rejected."), (sent.Success, sent.Message));
        Assert.Equal(0, await model.RevenueAsync("user1"));

        Assert.True((await commands.ExecuteCommandAsync("postgres", KnownResourceCommands.StartCommand)).Success);
        await model.HasRevenueAsync("user1", 54);
    }

    [Fact]
    public async Task A_port_in_use_writes_one_line_to_the_log_of_its_resource()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var model = await RunningModel.StartAsync(port);
        using var limit = new CancellationTokenSource(RunningModel.StartLimit);

        await model.App.ResourceNotifications.WaitForResourceAsync("api", KnownResourceStates.FailedToStart, limit.Token);

        await Eventually.IsTrueAsync(
            () => model.Complaints.Any(line => line.Contains($"Port {port} of the api is in use", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_wrong_password_writes_one_line_to_the_log_of_the_service_that_needs_the_database()
    {
        var connectionString = new NpgsqlConnectionStringBuilder(await TestPostgres.CreateDatabaseAsync()) { Password = "wrong" }.ConnectionString;
        await using var model = await RunningModel.StartAsync(null, $"--ConnectionStrings:revenuedb={connectionString}");

        bool IsRefusal(string line) => line.StartsWith("processor", StringComparison.Ordinal) && line.Contains("refused the login", StringComparison.Ordinal);
        await Eventually.IsTrueAsync(() => model.Lines.Any(IsRefusal), RunningModel.StartLimit);

        Assert.DoesNotContain(model.Lines, line => line.Contains("   at ", StringComparison.Ordinal) || line.Contains("=wrong", StringComparison.Ordinal));
    }

    private static InteractionInputCollection Arguments(params (string Name, string Value)[] values) =>
        new([.. values.Select(v => new InteractionInput { Name = v.Name, InputType = InputType.Text, Value = v.Value })]);
}

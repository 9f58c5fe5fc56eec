using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Pipeline.Tests.Torture;

/// <summary>An unexpected exit is a violation, except if a service refuses to start because of a setting that a fault changed.</summary>
public sealed class RefusalsTests
{
    [Fact]
    public async Task Only_a_refused_start_during_the_fault_is_allowed()
    {
        var refusals = new Refusals();
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var refused = new Installation(database);
        await using (var source = NpgsqlDataSource.Create(database))
        {
            var name = new NpgsqlConnectionStringBuilder(database).Database;
            await using var set = source.CreateCommand($"alter database {name} set default_transaction_isolation = serializable");
            await set.ExecuteNonQueryAsync();
        }

        var started = DateTime.UtcNow;
        var ended = await refused.RunAsync("RevenueAspire.Processor");
        Assert.False(refusals.Allows(ended, started), "no fault has begun");
        refusals.Begin();
        Assert.True(refusals.Allows(ended, started), ended.Output);

        await using var misconfigured = new Installation(database + ";Read Buffer Size=1");
        var wrong = await misconfigured.RunAsync("RevenueAspire.Processor");
        Assert.Equal(1, wrong.ExitCode);
        Assert.False(refusals.Allows(wrong, started), wrong.Output);

        refusals.End();
        Assert.True(refusals.Allows(ended, started), "it started before the end of the fault");
        Assert.False(refusals.Allows(ended, DateTime.UtcNow.AddSeconds(1)), "it started after the fault");
    }
}

using System.Diagnostics;
using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.OwnServer;

/// <summary>Rules M6, M7 and M12 on a separate server, which loses commits and refuses logins.</summary>
public sealed class ServerCrashTests(OwnServer server) : IClassFixture<OwnServer>
{
    private const string Program = "RevenueAspire.Processor";
    private const int Attempts = 8;

    [Fact]
    public async Task M1_M6_M7_kills_after_asynchronous_commits_reuse_no_id_and_skip_no_range()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The test kills a backend with a signal.");
        var random = Seed.Random(nameof(M1_M6_M7_kills_after_asynchronous_commits_reuse_no_id_and_skip_no_range));
        var (lost, crashes) = (0, 0);

        // The server decides which commits a crash loses. Each attempt is a complete test, and at least one must lose commits.
        for (var attempt = 0; attempt < Attempts && lost == 0; attempt++)
        {
            var (more, losses) = await ProcessThroughCrashesAsync(random);
            crashes += more;
            lost += losses;
        }

        Assert.True(crashes > 0 && lost > 0, $"{crashes} crashes lost something {lost} times, {Seed.Hint}");
    }

    private async Task<(int Crashes, int Lost)> ProcessThroughCrashesAsync(Random random)
    {
        await using var ledger = await LedgerFixture.CreateAsync(await server.CreateDatabaseAsync());
        var file = EventFile.Random(random, 12_000, 4000, badEvery: 1000);
        var path = ledger.Write("crash.jsonl", file.Bytes);
        var options = new ProcessorOptions { RangeBytes = 700_000, MergeBatchRows = 2, MaxUsersInMemory = 3000, LeaseSeconds = 1 };
        var (lost, crashes) = (0, 0);
        var processing = Task.Run(() => ledger.ProcessAsync(path, options));
        while (!processing.IsCompleted && crashes < 5)
        {
            await Task.Delay(random.Next(20, 200));
            if (await CrashAsync(ledger) is { } look)
            {
                crashes++;
                lost += look.After < look.Before ? 1 : 0;
            }
        }

        await processing;
        ledger.Database.Clear();
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
        return (crashes, lost);
    }

    [Theory]
    [InlineData("Username=postgres", "No password")]
    [InlineData("Username=postgres;Password=wrong", "Username and Password")]
    [InlineData("Username=postgres;Password=own server;SSL Mode=Require", "SSL")]
    public async Task An_impossible_login_is_reported_at_once_in_one_line(string login, string named)
    {
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync());
        using var folder = new TempDirectory();
        var path = folder.File("a.jsonl");
        await File.WriteAllBytesAsync(path, new EventFile().Add("a", 1).Bytes);
        var environment =
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__revenuedb"] = $"Host={database.Host};Port={database.Port};Database={database.Database};{login}",
            };
        foreach (var arguments in (string[][])[["process", path], ["verify"]])
        {
            await using var run = await ServiceProcess.RunAsync(Program, arguments, environment);
            Assert.Equal(1, run.ExitCode);
            Assert.Empty(run.StandardOutput);
            Assert.Contains(named, Assert.Single(run.StandardError), StringComparison.Ordinal);
            Assert.Contains("ConnectionStrings:revenuedb", run.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("own server", run.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// Kills a backend during a merge: the server then ends all others and recovers from its disk. Returns null if no merge is running.
    /// </summary>
    /// <returns>Number of merged users before and after.</returns>
    private static async Task<(long Before, long After)?> CrashAsync(LedgerFixture ledger)
    {
        await using var watching =
            new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ledger.ConnectionString) { ApplicationName = "looks", Pooling = false }.ConnectionString);
        await watching.OpenAsync();
        await using var find = new NpgsqlCommand(
            """
            select (select count(*) from users_revenue), pid from pg_stat_activity
            where datname = current_database() and application_name <> 'looks' and query like '%update event_part set merged_through%'
              and exists (select from event_part where merged_through <> upper_key) limit 1
            """,
            watching);
        long before;
        await using (var rows = await find.ExecuteReaderAsync())
        {
            if (!await rows.ReadAsync())
            {
                return null;
            }

            before = rows.GetInt64(0);
            using var backend = Process.GetProcessById(rows.GetInt32(1));
            backend.Kill();
        }

        // When the server closes this connection too, it has noticed the kill, and restarts.
        await Eventually.IsTrueAsync(() => FailsAsync(watching));
        return (before, await Eventually.GetAsync<object>(async () =>
        {
            try
            {
                return await ledger.CountAsync("users_revenue");
            }
            catch (Exception recovering) when (DatabaseErrors.IsTransient(recovering))
            {
                return null;
            }
        }) is long after ? after : -1);
    }

    private static async Task<bool> FailsAsync(NpgsqlConnection connection)
    {
        try
        {
            await using var ask = new NpgsqlCommand("select 1", connection);
            await ask.ExecuteScalarAsync();
            return false;
        }
        catch (Exception broken) when (broken is NpgsqlException or InvalidOperationException)
        {
            return true;
        }
    }
}

using System.Text;
using Npgsql;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.CommandLine;

/// <summary>The built program from a script's view: exit codes, standard output, standard error.</summary>
public sealed class CommandLineTests
{
    private const string Program = "RevenueAspire.Processor";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Process_verify_and_their_exit_codes()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        var file = new EventFile().Add("user1", 98).Add("user1", 72, adds: false).Add("user2", 70).Add("user1", 1).Add("user2", 12, adds: false);
        var path = ledger.Write("events.jsonl", file.Bytes);

        var counted = await RunAsync(ledger, "process", path);
        Assert.Equal(0, counted.Code);
        Assert.Matches(@"events\.jsonl\s+counted\s+5\s+2\s+0\s", counted.Output);
        Assert.Empty(counted.Errors);
        await ledger.AssertBalancesAsync(file);

        var known = await RunAsync(ledger, "process", path, path);
        Assert.Equal(0, known.Code);
        Assert.Contains("already counted", known.Output, StringComparison.Ordinal);

        var bad = ledger.Write("bad.jsonl", new EventFile().Reject("oops").Add("user3", 1).Bytes);
        var some = await RunAsync(ledger, "process", bad, path);
        Assert.Equal(3, some.Code);
        Assert.Equal(3, (await RunAsync(ledger, "process", bad, path)).Code);
        Assert.Contains("rejected_event", some.Errors, StringComparison.Ordinal);

        Assert.Equal((0, "3 users of 2 sources checked: all equal."), Short(await RunAsync(ledger, "verify")));
        await using (var change = ledger.Database.CreateCommand("update users_revenue set revenue = 28 where user_id = 'user1'"))
        {
            await change.ExecuteNonQueryAsync();
        }

        var differs = await RunAsync(ledger, "verify");
        Assert.Equal(3, differs.Code);
        Assert.StartsWith("\"user1\": the table has 28, the events add up to 27", differs.Output, StringComparison.Ordinal);

        File.Delete(path);
        var gone = await RunAsync(ledger, "verify");
        Assert.Equal(3, gone.Code);
        Assert.Contains("WRONG", gone.Output, StringComparison.Ordinal);
        Assert.StartsWith($"Could not check. {path}: no such file", gone.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", gone.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task M10_a_path_in_the_folder_of_a_log_means_that_log()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var file = new EventFile().Add("a", 1).Add("b", 2);
        await log.AppendAsync(file.Bytes);
        var segment = Directory.GetFiles(log.Directory, "0*").Order(StringComparer.Ordinal).First();
        Assert.Matches(@"counted\s+2\s+2\s+0\s", (await RunAsync(ledger, "process", log.Directory)).Output);
        Assert.Contains("already counted", (await RunAsync(ledger, "process", segment)).Output, StringComparison.Ordinal);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(log.LogId, await ledger.ScalarAsync<Guid>("select source_id from event_source"));
        Assert.Matches(@"dry run\s+2\s+2\s+0\s", (await RunAsync(null, "process", segment, "--dry-run")).Output);
        var again = await RunAsync(ledger, "process", segment, "--again");
        Assert.Equal(1, again.Code);
        AssertOneLine(again, "--again");
    }

    [Fact]
    public async Task Dry_run_needs_no_database_and_names_each_bad_line()
    {
        using var folder = new TempDirectory();
        var path = folder.File("a.jsonl");
        await File.WriteAllBytesAsync(path, [.. new EventFile().Add("a", 1).Reject("oops").Add("b", 1).Bytes, .. "{\"userId\""u8]);
        var run = await RunAsync(null, "process", "--dry-run", path);
        Assert.Equal(3, run.Code);
        Assert.Matches(@"dry run\s+2\s+2\s+1\s", run.Output);
        Assert.Contains($"{path}:2: ", run.Errors, StringComparison.Ordinal);
        Assert.Contains($"{path}:4: the last line has no newline", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "FILE", "process")]
    [InlineData(2, "bogus", "bogus")]
    [InlineData(2, "--bogus", "process", "x", "--bogus")]
    [InlineData(2, "exclude each other", "process", "x", "--again", "--dry-run")]
    [InlineData(1, "nowhere.jsonl: no such file", "process", "--dry-run", "nowhere.jsonl")]
    [InlineData(1, "a directory", "process", "--dry-run", "/")]
    [InlineData(1, "x: no such file", "process", "x")]
    [InlineData(1, "ConnectionStrings:revenuedb", "verify")]
    [InlineData(1, "ConnectionStrings:revenuedb")]
    public async Task A_wrong_command_line_is_reported_in_one_line_without_a_stack_trace(int code, string named, params string[] arguments)
    {
        var run = await RunAsync(null, arguments);
        Assert.Equal(code, run.Code);
        Assert.Contains(named, run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", run.Errors, StringComparison.Ordinal);
        if (arguments.Length > 0)
        {
            Assert.Empty(run.Output);
        }
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Port=1;Username=x", "connection refused")]
    [InlineData("Nonsense", "ConnectionStrings:revenuedb")]
    [InlineData("Username=postgres;Database=revenuedb", "ConnectionStrings:revenuedb")]
    public async Task An_unavailable_database_is_reported_at_once_in_one_line(string connectionString, string named)
    {
        using var folder = new TempDirectory();
        var path = folder.File("a.jsonl");
        await File.WriteAllBytesAsync(path, new EventFile().Add("a", 1).Bytes);
        foreach (var arguments in (string[][])[["process", path], ["verify"]])
        {
            var run = await RunWithAsync(new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = connectionString }, arguments);
            Assert.Equal(1, run.Code);
            AssertOneLine(run, named);
        }
    }

    [Fact]
    public async Task A_database_failure_halfway_leaves_the_completed_files_in_the_closing_table()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var known = ledger.Write("known.jsonl", new EventFile().Add("a", 1).Bytes);
        var next = ledger.Write("next.jsonl", EventFile.Random(new Random(4), 500, 50).Bytes);
        await ledger.ProcessAsync(known);

        // From here on, the disk is full for longer than the command retries.
        await using (var full = ledger.Database.CreateCommand(
            """
            create function full_disk() returns trigger language plpgsql as $$ begin raise exception using errcode = '53100',
              message = 'no space left on device'; end $$;
            create trigger full_disk before update of merged_through on event_part for each row execute function full_disk()
            """))
        {
            await full.ExecuteNonQueryAsync();
        }

        var settings = Settings(ledger);
        settings["Processor__RetrySeconds"] = "0";
        var run = await RunWithAsync(settings, "process", known, next, known);
        Assert.Equal(1, run.Code);
        Assert.Matches(@"known\.jsonl\s+already counted\s", run.Output);
        Assert.DoesNotContain("next.jsonl", run.Output, StringComparison.Ordinal);
        Assert.Contains("next.jsonl: NOT DONE: the database has no disk space left", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
        Assert.Contains($" 0 of {new FileInfo(next).Length:N0} bytes are counted and stay counted", run.Errors, StringComparison.Ordinal);
        Assert.Contains("One more file was not started", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Nonsense=1")]
    [InlineData("Username=postgres;Database=revenuedb")]
    public async Task The_service_does_not_start_with_an_invalid_connection_string(string connectionString)
    {
        var run = await RunWithAsync(new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = connectionString });

        Assert.Equal(1, run.Code);
        AssertOneLine(run, "ConnectionStrings:revenuedb");
    }

    [Fact]
    public async Task A_missing_database_is_reported_in_one_line()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var missing = new NpgsqlConnectionStringBuilder(ledger.ConnectionString) { Database = "nosuch" }.ConnectionString;
        var run = await RunWithAsync(new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = missing }, "verify");
        Assert.Equal(1, run.Code);
        AssertOneLine(run, "nosuch");
    }

    [Fact]
    public async Task A_bad_setting_is_reported_by_name()
    {
        var run = await RunWithAsync(new Dictionary<string, string?> { ["Processor__Connections"] = "0" }, "process", "--dry-run", "x");
        Assert.Equal(1, run.Code);
        AssertOneLine(run, "Processor:Connections");
        foreach (var arguments in (string[][])[["process", "--dry-run", "x"], ["verify"], []])
        {
            run = await RunWithAsync(
                new Dictionary<string, string?> { ["Processor__RangeBytes"] = "abc", ["ConnectionStrings__revenuedb"] = "Host=127.0.0.1;Port=1" }, arguments);
            Assert.Equal(1, run.Code);
            AssertOneLine(run, "Processor:RangeBytes");
        }

        run = await RunWithAsync(new Dictionary<string, string?> { ["EventTypes__gift"] = "2" }, "process", "--dry-run", "x");
        Assert.Equal(1, run.Code);
        AssertOneLine(run, "gift");
        Assert.DoesNotContain("Parameter", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_shows_commands_examples_and_exit_codes()
    {
        var help = await RunAsync(null, "--help");
        Assert.Equal(0, help.Code);
        foreach (var text in (string[])["process", "verify", "Examples:", "Exit codes:", "ConnectionStrings__revenuedb"])
        {
            Assert.Contains(text, help.Output, StringComparison.Ordinal);
        }

        Assert.Contains("--again", (await RunAsync(null, "process", "--help")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Later_processors_finish_the_work_of_processors_killed_at_random_moments()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(Later_processors_finish_the_work_of_processors_killed_at_random_moments));
        var file = EventFile.Random(random, 8000, 2000, badEvery: 100);
        var path = ledger.Write("killed.jsonl", file.Bytes);
        for (var round = 0; round < 4; round++)
        {
            await using var process = ServiceProcess.Start(Program, ["process", path], Slow(ledger, random));
            await Eventually.IsTrueAsync(async () => process.HasExited || await ledger.CountAsync("event_part") > 0 || round % 2 == 1);
            await Task.Delay(random.Next(0, 400));
            await process.KillAsync();
        }

        var finishers = await Task.WhenAll(
            Enumerable.Range(0, 2).Select(_ => ServiceProcess.RunAsync(Program, ["process", path], Slow(ledger, random), limit: Limit)));
        Assert.All(finishers, finisher => Assert.True(finisher.ExitCode is 3 or 0, finisher.Output));
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal(0, (await RunAsync(ledger, "verify")).Code);
        foreach (var finisher in finishers)
        {
            await finisher.DisposeAsync();
        }
    }

    [Fact]
    public async Task M10_again_killed_at_random_moments_and_restarted_counts_each_generation_once()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M10_again_killed_at_random_moments_and_restarted_counts_each_generation_once));
        var file = EventFile.Random(random, 4000, 1500);
        var path = ledger.Write("again.jsonl", file.Bytes);
        Assert.Equal(0, (await RunAsync(ledger, "process", path)).Code);
        for (var round = 0; round < 3; round++)
        {
            await using var process = ServiceProcess.Start(Program, ["process", path, "--again"], Slow(ledger, random));

            // Kill the first round during the merge, so that work remains; kill later rounds at any time.
            await Eventually.IsTrueAsync(async () => process.HasExited || await ledger.CountAsync("event_part") > 0 || round > 0);
            await Task.Delay(random.Next(0, round == 0 ? 30 : 600));
            await process.KillAsync();
        }

        var left = await ledger.ScalarAsync<int>("select max(generation) from event_source");
        await using (var last = await ServiceProcess.RunAsync(Program, ["process", path, "--again"], Slow(ledger, random), limit: Limit))
        {
            Assert.True(last.ExitCode == 0, last.Output);
            Assert.Contains($"counted again (generation {left + 1})", last.Output, StringComparison.Ordinal);
        }

        Assert.InRange(left, 2, 4);
        await ledger.AssertBalancesAsync([.. Enumerable.Repeat(file, left + 1)]);
        Assert.Equal(0, (await RunAsync(ledger, "verify")).Code);
    }

    [Fact]
    public async Task The_second_interrupt_ends_a_command_on_a_dead_connection_at_once()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGINT for another process");
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("interrupted.jsonl", EventFile.Random(new Random(12), 20_000, 5000).Bytes);
        await using var line = new FaultProxy(ledger.ConnectionString);
        var environment = Settings(ledger);
        environment["ConnectionStrings__revenuedb"] = line.Through(ledger.ConnectionString);
        environment["Processor__MergeBatchRows"] = "1";
        await using var process = ServiceProcess.Start(Program, ["process", path], environment);
        await Eventually.IsTrueAsync(async () => await ledger.CountAsync("users_revenue") > 0);
        line.Holds = true;

        // A closing terminal sends SIGHUP more than once; a repeat must not end the process.
        process.Send(Signal.Hangup);
        await Task.Delay(100);
        process.Send(Signal.Hangup);
        process.Send(Signal.Interrupt);

        // After the first interrupt, the command waits seconds for the running statement and the leases on the blocked connection. It would print a message
        // only afterwards.
        await Task.Delay(300);
        Assert.False(process.HasExited);
        process.Send(Signal.Interrupt);
        Assert.Equal(1, await process.WaitForExitAsync(Limit));
        Assert.DoesNotContain("Stopped", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_starts_again_after_its_connection_is_cut()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        await using (var log = new TestLog(ledger.Folder.File("log")))
        {
            for (var batch = 0; batch < 5; batch++)
            {
                await log.AppendAsync(EventFile.Random(new Random(batch), 2000, 3000).Bytes);
            }

            Assert.Equal(0, (await RunAsync(ledger, "process", log.Directory)).Code);
        }

        // While another session locks this table, verify waits within its snapshot. The rest must then be read in a new snapshot. The initial checks do not
        // read this table.
        await using var holding = await ledger.Database.OpenConnectionAsync();
        await using var hold = await holding.BeginTransactionAsync();
        await using (var locking = new NpgsqlCommand("lock table event_range in access exclusive mode", holding))
        {
            await locking.ExecuteNonQueryAsync();
        }

        await using var verify = ServiceProcess.Start(Program, ["verify"], Settings(ledger));
        await Eventually.IsTrueAsync(
            () => ledger.ScalarAsync<bool>(
                "select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity where datname = "
                + "current_database() and wait_event_type = 'Lock'"));
        await hold.RollbackAsync();
        Assert.Equal(0, await verify.WaitForExitAsync(Limit));
        Assert.Contains("Checking again from the beginning", Assert.Single(verify.StandardError), StringComparison.Ordinal);
        Assert.Contains("all equal", Assert.Single(verify.StandardOutput), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_of_a_log_without_its_beginning_exits_with_1_and_the_reason()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), segmentBytes: 1 << 16);
        for (var batch = 0; batch < 12; batch++)
        {
            await log.AppendAsync(EventFile.Random(new Random(batch), 250, 30).Bytes);
        }

        Assert.Equal(0, (await RunAsync(ledger, "process", log.Directory)).Code);
        Assert.True(log.RemoveApplied(log.Mark) > 0);
        var run = await RunAsync(ledger, "verify");
        Assert.Equal(1, run.Code);
        Assert.Contains("could not be checked", run.Output, StringComparison.Ordinal);
        Assert.StartsWith("Could not check. ", run.Errors, StringComparison.Ordinal);
        Assert.Contains("retention has removed its beginning", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unreadable_file_is_reported_in_one_line_and_the_others_are_counted()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "On Windows, symbolic links need a privilege, and permissions differ.");
        await using var ledger = await LedgerFixture.CreateAsync();
        var closed = ledger.Folder.File("closed.jsonl");
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            // Root can read every file, so use a link to itself, which cannot be opened.
            File.CreateSymbolicLink(closed, closed);
        }
        else
        {
            ledger.Write("closed.jsonl", new EventFile().Add("a", 1).Bytes);
            File.SetUnixFileMode(closed, UnixFileMode.None);
        }

        var run = await RunAsync(ledger, "process", closed, ledger.Write("open.jsonl", new EventFile().Add("b", 1).Bytes));
        Assert.Equal(1, run.Code);
        Assert.Contains("closed.jsonl: cannot be read", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", run.Errors, StringComparison.Ordinal);
        Assert.Equal(1, (await ledger.BalancesAsync())["b"]);
    }

    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Hangup)]
    public async Task A_stop_signal_releases_the_ranges_and_the_command_exits_with_1(Signal signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(new Random(11), 20_000, 5000);
        var path = ledger.Write("stopped.jsonl", file.Bytes);
        var environment = Settings(ledger);
        environment["Processor__MergeBatchRows"] = "1";
        environment["Processor__LeaseSeconds"] = "600";
        await using (var process = ServiceProcess.Start(Program, ["process", path], environment))
        {
            await Eventually.IsTrueAsync(async () => await ledger.CountAsync("users_revenue") > 0);
            process.Send(signal);
            Assert.Equal(1, await process.WaitForExitAsync(Limit));
            Assert.Contains("Stopped", process.Output, StringComparison.Ordinal);
        }

        Assert.Equal(1, await ledger.ScalarAsync<long>("select count(*) from event_range where lease_owner is null"));
        Assert.Equal(0, (await RunAsync(ledger, "process", path)).Code);
        await ledger.AssertBalancesAsync(file);
    }

    [Fact]
    public async Task The_service_follows_old_and_new_logs_and_a_stopped_log_leaves_the_others_running()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var root = ledger.Folder.File("events");
        await using var first = new TestLog(root);
        await first.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var environment = Settings(ledger);
        environment["EventLog__Directory"] = root;
        await using var service = ServiceProcess.Start(Program, [], environment);
        await Eventually.EqualsAsync(1L, () => ledger.ScalarAsync<long>("select coalesce(sum(revenue), 0)::bigint from users_revenue"), Limit);

        await using var second = new TestLog(Path.Combine(root, "second"), Events.EventTypes.Create([new("add_revenue", 1), new("gift", 1)]));
        await second.AppendAsync(new EventFile().Add("b", 10).Bytes);
        await Eventually.EqualsAsync(11L, () => ledger.ScalarAsync<long>("select sum(revenue)::bigint from users_revenue"), Limit);

        await second.AppendAsync("{\"userId\":\"b\",\"name\":\"gift\",\"value\":1000}"u8.ToArray());
        await service.WaitForLineAsync("STOPPED", Limit);
        await first.AppendAsync(new EventFile().Add("a", 100).Bytes);
        await Eventually.EqualsAsync(111L, () => ledger.ScalarAsync<long>("select sum(revenue)::bigint from users_revenue"), Limit);
        Assert.Equal(0, await service.TerminateAsync(Limit));
        Assert.Equal(0, await ledger.ScalarAsync<long>("select count(*) from event_source where lease_owner is not null"));
    }

    [Fact]
    public async Task The_service_waits_for_an_unavailable_database()
    {
        using var folder = new TempDirectory();
        var environment =
            new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = "Host=127.0.0.1;Port=1;Username=x", ["EventLog__Directory"] = folder.Path };
        await using var service = ServiceProcess.Start(Program, [], environment);
        await service.WaitForLineAsync("Retrying in", Limit);
        Assert.False(service.HasExited);
        Assert.Equal(0, await service.TerminateAsync(Limit));
    }

    [Fact]
    public async Task Names_that_start_with_a_sign_are_accepted_and_a_pipe_is_refused()
    {
        using var folder = new TempDirectory();
        var at = folder.File("list.jsonl");
        await File.WriteAllBytesAsync(at, new EventFile().Add("a", 1).Bytes);
        Assert.Contains($"@{at}: no such file", (await RunAsync(null, "process", "--dry-run", "@" + at)).Errors, StringComparison.Ordinal);
        var dash = await RunAsync(null, "process", "--dry-run", "--", "-file");
        Assert.Equal((1, "-file: no such file"), (dash.Code, dash.Errors));
        Assert.Equal(2, (await RunAsync(null, "process", "--dry-run", "-file")).Code);

        var pipe = folder.File("pipe");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]))
        {
            await mkfifo.WaitForExitAsync();
        }

        foreach (var special in (string[])[pipe, "/dev/zero"])
        {
            var run = await RunAsync(null, "process", "--dry-run", special);
            Assert.Equal(1, run.Code);
            AssertOneLine(run, "not a regular file");
        }
    }

    [Fact]
    public async Task M12_a_permanent_error_in_one_file_does_not_stop_the_others()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using (var refuse = ledger.Database.CreateCommand("alter table users_revenue add constraint no_evil check (user_id <> 'evil')"))
        {
            await refuse.ExecuteNonQueryAsync();
        }

        var run = await RunAsync(ledger, "process", ledger.Write("evil.jsonl", new EventFile().Add("evil", 1).Bytes),
            ledger.Write("good.jsonl", new EventFile().Add("good", 1).Bytes));
        Assert.Equal(1, run.Code);
        Assert.Contains("evil.jsonl: the database returned an error", run.Errors, StringComparison.Ordinal);
        Assert.Matches(@"good\.jsonl\s+counted\s+1\s", run.Output);
        Assert.Equal(1, (await ledger.BalancesAsync())["good"]);
    }

    [Fact]
    public async Task Two_folders_with_one_log_are_reported_and_the_longer_one_is_followed()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var root = ledger.Folder.File("events");
        await using var log = new TestLog(Path.Combine(root, "live"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var copy = Directory.CreateDirectory(Path.Combine(root, "a-copy"));
        foreach (var path in Directory.GetFiles(log.Directory).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)))
        {
            await using var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            await using var to = File.Create(Path.Combine(copy.FullName, Path.GetFileName(path)));
            await from.CopyToAsync(to);
        }

        await log.AppendAsync(new EventFile().Add("a", 10).Bytes);
        var environment = Settings(ledger);
        environment["EventLog__Directory"] = root;
        await using var service = ServiceProcess.Start(Program, [], environment);
        var line = await service.WaitForLineAsync("NOT FOLLOWED", Limit);
        await log.AppendAsync(new EventFile().Add("a", 100).Bytes);
        await Eventually.EqualsAsync(111L, () => ledger.ScalarAsync<long>("select coalesce(sum(revenue), 0)::bigint from users_revenue"), Limit);
        Assert.Equal(0, await service.TerminateAsync(Limit));
        var refused = Assert.Single(service.Output.Split('\n'), text => text.Contains("NOT FOLLOWED", StringComparison.Ordinal));
        Assert.Contains(copy.FullName, refused, StringComparison.Ordinal);
        Assert.Contains(log.Directory, refused, StringComparison.Ordinal);
    }

    private static Dictionary<string, string?> Settings(LedgerFixture ledger) => new() { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString };

    /// <summary>Random settings that make the merge slow enough to be interrupted.</summary>
    private static Dictionary<string, string?> Slow(LedgerFixture ledger, Random random)
    {
        var settings = Settings(ledger);
        settings["Processor__RangeBytes"] = random.Next(20_000, 200_000).ToString(System.Globalization.CultureInfo.InvariantCulture);
        settings["Processor__MergeBatchRows"] = random.Next(2, 30).ToString(System.Globalization.CultureInfo.InvariantCulture);
        settings["Processor__Connections"] = random.Next(1, 4).ToString(System.Globalization.CultureInfo.InvariantCulture);
        settings["Processor__LeaseSeconds"] = "1";
        return settings;
    }

    private static Task<Run> RunAsync(LedgerFixture? ledger, params string[] arguments) => RunWithAsync(ledger is null ? [] : Settings(ledger), arguments);

    private static async Task<Run> RunWithAsync(Dictionary<string, string?> environment, params string[] arguments)
    {
        await using var process = await ServiceProcess.RunAsync(Program, arguments, environment, limit: Limit);
        return new Run(process.ExitCode, string.Join('\n', process.StandardOutput), string.Join('\n', process.StandardError));
    }

    private static (int Code, string Output) Short(Run run) => (run.Code, run.Output);

    private static void AssertOneLine(Run run, string named)
    {
        Assert.Empty(run.Output);
        Assert.Contains(named, run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", run.Errors, StringComparison.Ordinal);
    }

    private sealed record Run(int Code, string Output, string Errors);
}

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Rule M12, with real errors of Postgres where a test can cause them.</summary>
public sealed class DatabaseErrorsTests(SharedLedger ledger) : IClassFixture<SharedLedger>
{
    private const string Password = "s3cret-p4ssword";

    [Theory]
    [InlineData("select convert_from('\\xff', 'UTF8')", "22021", false)]
    [InlineData("select 1 / 0", "22012", false)]
    [InlineData("insert into users_revenue values ('a', 1), ('a', 2)", "23505", false)]
    [InlineData("insert into users_revenue values ('a', null)", "23502", false)]
    [InlineData("select * from no_such_table", "42P01", false)]
    [InlineData("selec 1", "42601", false)]
    [InlineData("begin read only; insert into users_revenue values ('a', 1)", "25006", true)]
    [InlineData("set statement_timeout = '10ms'; select pg_sleep(5)", "57014", true)]
    [InlineData("select pg_terminate_backend(pg_backend_pid())", "57P01", true)]
    public async Task M12_each_SQLSTATE_of_a_statement_is_transient_or_permanent(string sql, string sqlState, bool transient)
    {
        var error = await Assert.ThrowsAsync<PostgresException>(() => ledger.Database.ExecuteAsync(sql));
        Assert.Equal((sqlState, transient), (error.SqlState, DatabaseErrors.IsTransient(error)));
        AssertOneLine(DatabaseErrors.Describe(error));
    }

    [Fact]
    public async Task M12_deadlocks_and_serialization_failures_are_transient()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('a', 1), ('b', 1)");
        foreach (var (isolation, expected) in ((string, string)[])[("read committed", "40P01"), ("serializable", "40001")])
        {
            await using var one = await BeginAsync();
            await using var two = await BeginAsync();
            await RunAsync(one, "update users_revenue set revenue = 2 where user_id = 'a'");
            await RunAsync(two, "update users_revenue set revenue = 2 where user_id = 'b'");
            var first = RunAsync(one, "update users_revenue set revenue = 2 where user_id = 'b'; commit");
            var error = await Assert.ThrowsAsync<PostgresException>(async () =>
            {
                if (isolation == "serializable")
                {
                    // The other transaction waits for b, and fails when b's writer commits.
                    await RunAsync(two, "commit");
                }

                await Task.WhenAll(first, RunAsync(two, "update users_revenue set revenue = 2 where user_id = 'a'; commit"));
            });
            Assert.Equal((expected, true), (error.SqlState, DatabaseErrors.IsTransient(error)));

            async Task<NpgsqlConnection> BeginAsync()
            {
                var connection = await database.Source.OpenConnectionAsync();
                await RunAsync(connection, $"begin isolation level {isolation}; select from users_revenue");
                return connection;
            }
        }

        static async Task RunAsync(NpgsqlConnection connection, string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task M12_every_write_times_out_on_a_lock_and_can_be_retried()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = new TestDeltas(("a", 1));
        RejectedLine[] rejects = [new(1, 1, "bad", default)];
        var range = await database.FreezeAsync(deltas, parts: 1, rejects);
        var unfrozen = await RangeClaims.TryClaimAsync(
            database.Source, range.SourceId, 1000, 1100, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None);

        // Two logs: the second statement in a row's queue may wait twice as long, first for its turn and then for the row.
        var (live, other) = (await database.OpenLogAsync(), await database.OpenLogAsync());
        await database.ExecuteAsync("insert into users_revenue values ('a', 1)");

        await using var holder = await database.Source.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand(
            "select from users_revenue for update; select from event_source for update; select from event_range for update", holder))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var errors = await Task.WhenAll(
            new Func<Task>[]
            {
                () => PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None),
                () => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None),
                () => database.ApplyAsync(live.Id, 0, 10, deltas, [], 1, 1),
                () => RangeClaims.TryClaimAsync(database.Source, other.Id, 0, 10, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None),
                () => RangeFreeze.TryFreezeAsync(database.Source, unfrozen!, LedgerDatabase.Frozen(unfrozen!, deltas, 1), CancellationToken.None),
            }.Select(write => Task.Run(() => Assert.ThrowsAsync<PostgresException>(write))));

        Assert.All(errors, error => Assert.Equal((PostgresErrorCodes.LockNotAvailable, true), (error.SqlState, DatabaseErrors.IsTransient(error))));
        await transaction.RollbackAsync();
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None));
        Assert.Equal("2", await database.Queries.FindRevenueAsync("a", CancellationToken.None));
    }

    [Fact]
    public async Task A_refused_connection_is_transient_and_described()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        taken.Stop();
        await AssertConnectAsync($"Host=127.0.0.1;Port={port}", "connection refused", "start Postgres");
    }

    [Fact]
    public Task An_unknown_host_is_transient_and_described() => AssertConnectAsync("Host=no-such-host.invalid", "host");

    [Fact]
    public async Task A_server_that_never_answers_is_transient_and_described()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await AssertConnectAsync($"Host=127.0.0.1;Port={((IPEndPoint)silent.LocalEndpoint).Port};Timeout=1", "did not answer in time");
    }

    [Fact]
    public async Task An_untrusted_certificate_is_an_error_in_the_settings_and_described()
    {
        using var key = RSA.Create(2048);
        using var made = new CertificateRequest("CN=untrusted", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            var request = new byte[8];
            await client.GetStream().ReadExactlyAsync(request);
            client.GetStream().WriteByte((byte)'S');
            using var tls = new SslStream(client.GetStream());
            await tls.AuthenticateAsServerAsync(certificate);
            await tls.ReadExactlyAsync(request);
        });
        await using var database = NpgsqlDataSource.Create(
            $"Host=localhost;Port={((IPEndPoint)listener.LocalEndpoint).Port};Username=postgres;Password={Password};SSL "
            + "Mode=VerifyFull;GSS Encryption Mode=Disable");
        var error = await Assert.ThrowsAsync<NpgsqlException>(async () => await database.OpenConnectionAsync());
        Assert.True(DatabaseErrors.IsSettings(error), error.ToString());
        AssertOneLine(DatabaseErrors.Describe(error), "certificate", "Root Certificate");
        await serving.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task M12_the_drivers_exception_for_a_connection_broken_between_statements_is_transient()
    {
        // Npgsql throws this exception, rarely, when a proxy cuts connections at random.
        var handle = new ManualResetEventSlim();
        handle.Dispose();
        var broken = Assert.Throws<ObjectDisposedException>(handle.Reset);
        Assert.True(DatabaseErrors.IsTransient(broken));
        AssertOneLine(DatabaseErrors.Describe(broken), "connection to the database broke");

        // No retry helps with a disposed data source.
        var source = NpgsqlDataSource.Create($"Host=localhost;Username=postgres;Password={Password}");
        await source.DisposeAsync();
        Assert.False(DatabaseErrors.IsTransient(await Assert.ThrowsAsync<ObjectDisposedException>(async () => await source.OpenConnectionAsync())));
    }

    [Fact]
    public async Task M12_a_broken_connection_is_transient_and_described()
    {
        using var rude = new TcpListener(IPAddress.Loopback, 0);
        rude.Start();
        using var enough = new CancellationTokenSource();

        // Cut every attempt, because Npgsql may repeat an attempt that breaks during the negotiation.
        var refusing = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await rude.AcceptTcpClientAsync(enough.Token);
                client.LingerState = new LingerOption(true, 0);
            }
        });
        await AssertConnectAsync($"Host=127.0.0.1;Port={((IPEndPoint)rude.LocalEndpoint).Port};SSL Mode=Disable", "connection to the database broke");
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => refusing);
    }

    [Fact]
    public async Task A_missing_database_is_transient_and_named()
    {
        var server = new NpgsqlConnectionStringBuilder(await TestPostgres.CreateDatabaseAsync()) { Database = "no_such_database" };
        var error = await Assert.ThrowsAsync<PostgresException>(() => ConnectAsync(server.ConnectionString));
        Assert.Equal(("3D000", true), (error.SqlState, DatabaseErrors.IsTransient(error)));
        AssertOneLine(DatabaseErrors.Describe(error), "no_such_database", "create it");
    }

    [Fact]
    public async Task M12_a_role_without_a_free_connection_is_transient_and_described()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var role = "r" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync($"create role {role} login password '{Password}' connection limit 0");
        try
        {
            var limited = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = Password };
            var error = await Assert.ThrowsAsync<PostgresException>(() => ConnectAsync(limited.ConnectionString));
            Assert.Equal(("53300", true), (error.SqlState, DatabaseErrors.IsTransient(error)));
            AssertOneLine(DatabaseErrors.Describe(error), "no free connection");
        }
        finally
        {
            await database.ExecuteAsync($"drop role {role}");
        }
    }

    [Fact]
    public async Task M12_a_missing_privilege_is_permanent_and_described()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var role = "r" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync($"create role {role}");
        var error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync($"set role {role}; select from users_revenue"));
        await database.ExecuteAsync($"drop role {role}");
        Assert.Equal(("42501", false), (error.SqlState, DatabaseErrors.IsTransient(error)));
        AssertOneLine(DatabaseErrors.Describe(error), "lacks a privilege");
    }

    // A test cannot cause these on its server: the server may trust every login, and its disk must not fill up.
    [Theory]
    [InlineData("28P01", "password authentication failed for user \"revenue\"", "Password")]
    [InlineData("28000", "role \"revenue\" does not exist", "Username")]
    [InlineData("53100", "could not extend file", "no disk space")]
    [InlineData("57P03", "the database system is starting up", "not ready")]
    [InlineData("55000", "database \"x\" is not currently accepting connections", "ALLOW_CONNECTIONS")]
    [InlineData("08P01", "unsupported startup parameter: options", "ignore_startup_parameters")]
    [InlineData("XX000", "first line\nsecond line", "first line second line")]
    public void M12_errors_of_an_impaired_server_are_transient_and_name_a_remedy(string sqlState, string message, string expected)
    {
        var error = new PostgresException(message, "FATAL", "FATAL", sqlState);
        Assert.True(DatabaseErrors.IsTransient(error));
        AssertOneLine(DatabaseErrors.Describe(error), expected);
        Assert.True(DatabaseErrors.IsTransient(new AggregateException(error)));
        Assert.Equal(DatabaseErrors.Describe(error), DatabaseErrors.Describe(new AggregateException(error)));
    }

    [Fact]
    public void Errors_from_outside_the_database_are_not_transient()
    {
        Assert.All(
            (Exception[])[new InvalidOperationException("a bug"), new OperationCanceledException(), new IOException("a file"),
                new LedgerException("a foreign table"), new ArgumentException("a bug")],
            error => Assert.False(DatabaseErrors.IsTransient(error)));
        Assert.Equal("a foreign table", DatabaseErrors.Describe(new LedgerException("a foreign table")));
    }

    private static async Task AssertConnectAsync(string connectionString, params string[] expected)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync($"{connectionString};Username=revenue;Password={Password};Database=revenue"));
        Assert.True(DatabaseErrors.IsTransient(error), error.ToString());
        AssertOneLine(DatabaseErrors.Describe(error), expected);
    }

    private static async Task ConnectAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var connection = await source.OpenConnectionAsync();
    }

    private static void AssertOneLine(string text, params string[] expected)
    {
        Assert.DoesNotContain('\n', text);
        Assert.DoesNotContain(Password, text, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, text, StringComparison.OrdinalIgnoreCase));
    }
}

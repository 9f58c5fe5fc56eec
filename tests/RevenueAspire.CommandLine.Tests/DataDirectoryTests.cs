using System.Runtime.Versioning;
using Microsoft.Extensions.Configuration;
using RevenueAspire.Testing;

namespace RevenueAspire.CommandLine.Tests;

public sealed class DataDirectoryTests
{
    [Fact]
    public void Resolve_a_configured_directory_is_relative_to_the_current_one()
    {
        Assert.Equal(Path.Combine(Directory.GetCurrentDirectory(), "somewhere"), DataDirectory.Resolve(Settings(("Data:Directory", "somewhere"))));
        Assert.Equal(Path.GetFullPath("/elsewhere"), DataDirectory.Resolve(Settings(("Data:Directory", "/elsewhere"))));
    }

    [Fact]
    public void Resolve_inside_a_clone_is_data_at_its_root()
    {
        var deep = Path.Combine(Repository.Root, "src", "RevenueAspire.Api", "bin");

        Assert.Equal(Path.Combine(Path.GetFullPath(Repository.Root), ".data"), DataDirectory.Resolve(Settings(), deep, _ => true));
    }

    [Fact]
    public void Resolve_inside_a_clone_without_access_for_Postgres_is_a_folder_below_var_tmp()
    {
        using var one = new TempDirectory();
        using var other = new TempDirectory();
        File.WriteAllText(one.File("RevenueAspire.sln"), "");
        File.WriteAllText(other.File("RevenueAspire.sln"), "");

        var first = DataDirectory.Resolve(Settings(), one.Path, _ => false);
        var fromBelow = DataDirectory.Resolve(Settings(), Directory.CreateDirectory(one.File("below")).FullName, _ => false);
        var second = DataDirectory.Resolve(Settings(), other.Path, _ => false);

        Assert.Matches("^/var/tmp/revenueaspire-[0-9a-f]{12}$", first);
        Assert.Equal(first, fromBelow);
        Assert.NotEqual(first, second);
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public void RequireOwn_creates_a_folder_that_other_users_may_enter_but_not_list_or_change()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The folder below /var/tmp is used only on Linux.");
        using var parent = new TempDirectory();

        DataDirectory.RequireOwn(parent.File("data"));
        Assert.Equal("711", Mode(parent.File("data")));

        // If the folder was created under another umask, the user that runs Postgres gets access to it.
        File.SetUnixFileMode(parent.File("data"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DataDirectory.RequireOwn(parent.File("data"));
        Assert.Equal("711", Mode(parent.File("data")));
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public void RequireOwn_rejects_a_link_a_file_and_a_folder_that_other_users_may_change()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The folder below /var/tmp is used only on Linux.");
        using var parent = new TempDirectory();
        var real = Directory.CreateDirectory(parent.File("real")).FullName;
        Directory.CreateSymbolicLink(parent.File("link"), real);
        File.CreateSymbolicLink(parent.File("dangling"), parent.File("nowhere"));
        File.WriteAllText(parent.File("file"), "");
        var open = Directory.CreateDirectory(parent.File("open")).FullName;
        File.SetUnixFileMode(open, File.GetUnixFileMode(open) | UnixFileMode.OtherWrite);

        foreach (var name in (string[])["link", "dangling", "file", "open"])
        {
            var line = StartupErrors.Describe(Assert.Throws<UserErrorException>(() => DataDirectory.RequireOwn(parent.File(name))));
            Assert.Contains(parent.File(name), line, StringComparison.Ordinal);
            Assert.Contains("Data:Directory", line, StringComparison.Ordinal);
        }

        Assert.False(Path.Exists(parent.File("nowhere")));
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public void RequireOwn_rejects_a_folder_of_another_user()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Only root can change the owner of a folder.");
        using var parent = new TempDirectory();
        var folder = Directory.CreateDirectory(parent.File("data")).FullName;
        using (var chown = System.Diagnostics.Process.Start("chown", ["65534", folder]))
        {
            chown.WaitForExit();
        }

        Assert.Contains("belongs to another user", Assert.Throws<UserErrorException>(() => DataDirectory.RequireOwn(folder)).Message, StringComparison.Ordinal);
    }

    [SupportedOSPlatform("linux")]
    private static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);

    [Fact]
    public void Resolve_without_a_clone_is_data_in_the_programs_folder()
    {
        using var folder = new TempDirectory();

        Assert.Equal(folder.File(".data"), DataDirectory.Resolve(Settings(), folder.Path, _ => false));
    }

    [Fact]
    public void ResolveEventLog_follows_the_data_directory_unless_set()
    {
        Assert.Equal(Path.GetFullPath("/d/events"), DataDirectory.ResolveEventLog(Settings(("Data:Directory", "/d"))));
        Assert.Equal(Path.GetFullPath("/log"), DataDirectory.ResolveEventLog(Settings(("Data:Directory", "/d"), ("EventLog:Directory", "/log"))));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void CanBeEnteredByPostgres_as_root_checks_every_parent_of_a_missing_directory()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Only root runs the server as another user.");

        using var folder = new TempDirectory();
        var wanted = folder.File("clone/.data");
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.False(DataDirectory.CanBeEnteredByPostgres(wanted));

        File.SetUnixFileMode(folder.Path, File.GetUnixFileMode(folder.Path) | UnixFileMode.OtherExecute);
        Assert.True(DataDirectory.CanBeEnteredByPostgres(wanted));
    }

    private static IConfiguration Settings(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build();
}

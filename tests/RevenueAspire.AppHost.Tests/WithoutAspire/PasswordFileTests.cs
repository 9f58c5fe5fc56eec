using System.Diagnostics;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.WithoutAspire;

/// <summary>The file with Postgres' password: made whole, kept, and never somebody else's.</summary>
public sealed class PasswordFileTests : IDisposable
{
    private readonly TempDirectory _folder = new();

    private string Pgpass => _folder.File("pgpass");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_password_is_made_once_and_only_its_owner_may_read_it()
    {
        var password = StarterDatabase.ReadOrCreatePassword(Pgpass);

        Assert.Equal(password, StarterDatabase.ReadOrCreatePassword(Pgpass));
        Assert.Equal($"127.0.0.1:*:*:postgres:{password}\n", File.ReadAllText(Pgpass).ReplaceLineEndings("\n"));
        Assert.Equal([Pgpass], Directory.GetFiles(_folder.Path));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Pgpass));
        }
    }

    [Fact]
    public void A_link_or_a_file_that_others_may_change_gives_no_password()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Owners are looked at on Linux.");
        File.WriteAllText(_folder.File("planted"), "127.0.0.1:*:*:postgres:known\n");
        File.CreateSymbolicLink(Pgpass, _folder.File("planted"));
        Assert.Contains("not a regular file", Assert.Throws<StarterException>(() => StarterDatabase.ReadOrCreatePassword(Pgpass)).Message, StringComparison.Ordinal);

        File.Delete(Pgpass);
        File.CreateSymbolicLink(Pgpass, _folder.File("nowhere"));
        Assert.Contains("not a regular file", Assert.Throws<StarterException>(() => StarterDatabase.ReadOrCreatePassword(Pgpass)).Message, StringComparison.Ordinal);

        File.Delete(Pgpass);
        File.Move(_folder.File("planted"), Pgpass);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Pgpass, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite);
        }

        Assert.Contains("others than its owner", Assert.Throws<StarterException>(() => StarterDatabase.ReadOrCreatePassword(Pgpass)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_user_gives_no_password()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Only root can give a file away.");
        File.WriteAllText(Pgpass, "127.0.0.1:*:*:postgres:known\n");
        using (var chown = Process.Start("chown", ["65534", Pgpass]))
        {
            chown.WaitForExit();
        }

        Assert.Contains("belongs to another user", Assert.Throws<StarterException>(() => StarterDatabase.ReadOrCreatePassword(Pgpass)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lock_that_cannot_be_made_is_not_called_another_starter()
    {
        Directory.CreateDirectory(_folder.File("data/apphost.lock"));

        var message = Assert.Throws<StarterException>(() => DataDirectoryLock.Acquire(_folder.File("data"))).Message;

        Assert.DoesNotContain("Another AppHost", message, StringComparison.Ordinal);
        Directory.Delete(_folder.File("data/apphost.lock"));
        using var held = DataDirectoryLock.Acquire(_folder.File("data"));
        Assert.Contains("Another AppHost", Assert.Throws<StarterException>(() => DataDirectoryLock.Acquire(_folder.File("data"))).Message, StringComparison.Ordinal);
    }
}

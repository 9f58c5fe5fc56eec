using System.Diagnostics;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>A small separate file system at a folder, if the machine allows this process to mount one (Linux, root).</summary>
internal sealed class Mount : IDisposable
{
    private readonly string _folder;
    private readonly string? _image;

    private Mount(string folder, string? image) => (_folder, _image) = (folder, image);

    /// <summary>A file system in memory with the given number of bytes. Skips the test if it cannot be mounted.</summary>
    public static Mount InMemory(string folder, int bytes)
    {
        Directory.CreateDirectory(folder);
        Skip(Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", folder));
        return new Mount(folder, image: null);
    }

    /// <summary>An ext4 file system in a file; it turns read-only after its first error. Skips the test if it cannot be mounted.</summary>
    public static Mount Ext4(string folder, string image)
    {
        Directory.CreateDirectory(folder);
        using (var file = File.Create(image))
        {
            file.SetLength(16 << 20);
        }

        Skip(Run("mkfs.ext4", "-q", image));
        var mount = new Mount(folder, image);
        Skip(mount.MountImage(image));
        return mount;
    }

    /// <summary>Triggers an ext4 error, as a broken disk would: the file system turns read-only during use.</summary>
    public void Fail()
    {
        var device = File.ReadLines("/proc/mounts").Select(line => line.Split(' ')).Single(mount => mount[1] == _folder)[0];
        var trigger = $"/sys/fs/ext4/{Path.GetFileName(device)}/trigger_fs_error";
        Assert.SkipUnless(File.Exists(trigger), "this kernel cannot trigger an ext4 error");
        File.WriteAllText(trigger, "made up by a test");
    }

    /// <summary>Repairs the file system as an operator would: unmounts it despite open files, and mounts a checked copy.</summary>
    public void Repair()
    {
        Assert.Equal(0, Run("umount", "-l", _folder));
        var copy = _image + ".copy";
        File.Copy(_image!, copy);
        Assert.InRange(Run("e2fsck", "-fy", copy), 0, 1);
        Assert.Equal(0, MountImage(copy));
    }

    public void Dispose() => Run("umount", "-l", _folder);

    private int MountImage(string image) => Run("mount", "-o", "loop,errors=remount-ro", image, _folder);

    private static void Skip(int exitCode) => Assert.SkipUnless(exitCode == 0, "this process may not mount file systems");

    private static int Run(string program, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            return -1;
        }

        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // The program is not installed.
            return -1;
        }
    }
}

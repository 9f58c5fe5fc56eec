using System.Globalization;
using CliWrap;

namespace RevenueAspire.Torture.Stage;

/// <summary>A file system in memory, shrunk to simulate a full disk. Needs root.</summary>
internal sealed class TmpfsMount : IDisposable
{
    private const string Roomy = "4g";
    private readonly string _path;

    private TmpfsMount(string path) => _path = path;

    /// <summary>Mounts a file system at the path; null if that is not allowed.</summary>
    public static TmpfsMount? TryMount(string path) =>
        OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess
            && Run("mount", "-t", "tmpfs", "-o", $"size={Roomy},mode=755", "revenueaspire-torture", path) ? new TmpfsMount(path) : null;

    /// <summary>Shrinks the file system to the given free space in bytes.</summary>
    public void Fill(long room)
    {
        var drive = new DriveInfo(_path);
        var pages = (drive.TotalSize - drive.TotalFreeSpace + room) / Environment.SystemPageSize;
        Run("mount", "-o", string.Create(CultureInfo.InvariantCulture, $"remount,size={Math.Max(1, pages) * Environment.SystemPageSize}"), _path);
    }

    /// <summary>Restores the full size.</summary>
    public void Heal() => Run("mount", "-o", $"remount,size={Roomy}", _path);

    public void Dispose() => Run("umount", "-l", _path);

    private static bool Run(string program, params string[] arguments) =>
        Cli.Wrap(program).WithArguments(arguments).WithValidation(CommandResultValidation.None).ExecuteAsync().Task.GetAwaiter().GetResult().IsSuccess;
}

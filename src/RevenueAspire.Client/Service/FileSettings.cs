namespace RevenueAspire.Client.Service;

/// <summary>Finds the configured file.</summary>
internal static class FileSettings
{
    /// <summary>A relative path counts from the program's folder, and from the current directory where the program's folder has no such file.</summary>
    public static string Resolve(string file)
    {
        var beside = Path.GetFullPath(file, AppContext.BaseDirectory);
        return File.Exists(beside) ? beside : File.Exists(file) ? Path.GetFullPath(file) : beside;
    }
}

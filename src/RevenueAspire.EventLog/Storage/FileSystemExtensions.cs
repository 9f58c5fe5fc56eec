namespace RevenueAspire.EventLog.Storage;

internal static class FileSystemExtensions
{
    /// <summary>Replaces a file whole or not at all: written beside it, flushed, renamed, the folder flushed. When this returns,
    /// the new contents survive a power cut.</summary>
    public static void WriteAtomically(this IFileSystem files, string directory, string name, ReadOnlySpan<byte> contents)
    {
        var temporary = Path.Combine(directory, name + LogFiles.TemporarySuffix);
        if (files.FileExists(temporary))
        {
            // Left by a crash or a failed attempt: a fresh file has no pages whose flush failed before.
            files.Delete(temporary);
        }

        using (var file = files.Open(temporary, OpenKind.CreateNew))
        {
            file.Write(contents, 0);
            file.Flush();
        }

        files.Rename(temporary, Path.Combine(directory, name));
        files.FlushDirectory(directory);
    }

    /// <summary>Reads a small file whole, or null when it is missing.</summary>
    public static byte[]? ReadWhole(this IFileSystem files, string path)
    {
        if (!files.FileExists(path))
        {
            return null;
        }

        using var file = files.Open(path, OpenKind.Read);
        var contents = new byte[file.Length];
        var count = file.Read(contents, 0);
        return contents.AsSpan(0, count).ToArray();
    }
}

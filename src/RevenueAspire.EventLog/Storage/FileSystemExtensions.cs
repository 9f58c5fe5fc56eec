namespace RevenueAspire.EventLog.Storage;

internal static class FileSystemExtensions
{
    /// <summary>Replaces a file atomically: writes and flushes a temporary file, renames it, and flushes the folder. The new contents survive a power cut once
    /// this returns.</summary>
    public static void WriteAtomically(this IFileSystem files, string directory, string name, ReadOnlySpan<byte> contents)
    {
        var temporary = Path.Combine(directory, name + LogFiles.TemporarySuffix);
        if (files.FileExists(temporary))
        {
            // Delete the remains of a crash or a failed attempt. Only a new file is sure to have no pages of a failed flush.
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

    /// <summary>Reads a whole small file; null if it is missing.</summary>
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

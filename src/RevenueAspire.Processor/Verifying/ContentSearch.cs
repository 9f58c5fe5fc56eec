using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Finds the counted files. Their content identifies them; a path is only a hint, because it has other content after a rotation. Not
/// thread-safe.</summary>
/// <remarks>Searches the known paths, then the paths that the user gives, then the files next to the known paths. The search of folders is limited.</remarks>
internal sealed class ContentSearch(int maxLineBytes, IReadOnlyList<string> places)
{
    /// <summary>Maximum number of files to open in one folder.</summary>
    private const int MaxFilesPerFolder = 10_000;

    /// <summary>Maximum number of folders of known paths to search.</summary>
    private const int MaxFolders = 64;

    /// <summary>Maximum number of compressed files to open next to known paths, because each is decompressed completely. Files that the user gives are not
    /// limited.</summary>
    private const int MaxPackedNeighbours = 64;

    /// <summary>Sets <see cref="VerifiedSource.Place"/> of each file, or refuses the file with a reason.</summary>
    public void Run(IReadOnlyList<VerifiedSource> files, CancellationToken cancellationToken)
    {
        var reasons = new Dictionary<VerifiedSource, string>(ReferenceEqualityComparer.Instance);
        foreach (var unknown in files.Where(file => !file.IsKnown))
        {
            unknown.Refuse(
                $"the ledger has applied {unknown.Needed} bytes of it, but contains no digest of that length (event_source_digest): "
                + "the file cannot be identified");
        }

        files = [.. files.Where(file => file.IsKnown)];
        foreach (var file in files)
        {
            FindAtKnownPaths(file, reasons, cancellationToken);
        }

        FindAt(Named(), files, maxPacked: int.MaxValue, cancellationToken);
        FindAt(Neighbours(files), files, MaxPackedNeighbours, cancellationToken);
        foreach (var missing in files.Where(file => file.Place is null))
        {
            var origin = missing.KnownPaths().Any()
                ? $"{reasons.GetValueOrDefault(missing, "no such file")}; no file next to it has the counted content ({missing.Needed} bytes) either"
                : $"{missing.Needed} bytes were counted from standard input and were not stored";
            missing.Refuse($"{origin}. Give the file, or a folder with the file: verify FILE...");
        }
    }

    private void FindAtKnownPaths(VerifiedSource file, Dictionary<VerifiedSource, string> reasons, CancellationToken cancellationToken)
    {
        foreach (var path in file.KnownPaths())
        {
            try
            {
                using var reader = file.OpenFile(path, maxLineBytes);
                if (file.FindDifference(reader, cancellationToken) is not { } difference)
                {
                    file.Place = path;
                    return;
                }

                reasons.TryAdd(file, difference);
            }
            catch (Exception exception) when (VerifiedSource.IsOfSource(exception))
            {
                reasons.TryAdd(
                    file, exception.Message.StartsWith(path + ": ", StringComparison.Ordinal) ? exception.Message[(path.Length + 2)..] : exception.Message);
            }
        }
    }

    private void FindAt(IEnumerable<string> paths, IReadOnlyList<VerifiedSource> files, int maxPacked, CancellationToken cancellationToken)
    {
        var missing = files.Where(file => file.Place is null).ToList();
        foreach (var path in paths.Distinct())
        {
            if (missing.Count == 0)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var reader = Open(path, missing.Min(file => file.Digest.Length), ref maxPacked);
                if (reader is null)
                {
                    continue;
                }

                foreach (var file in missing.Where(file => file.FindDifference(reader, cancellationToken) is null))
                {
                    file.Place = path;
                }

                missing.RemoveAll(file => file.Place is not null);
            }
            catch (Exception exception) when (VerifiedSource.IsOfSource(exception))
            {
                // Not one of the missing files.
            }
        }
    }

    /// <summary>Opens a file. Returns null if it is too short, or if it is compressed and the limit is reached.</summary>
    private FileSourceReader? Open(string path, long shortest, ref int maxPacked)
    {
        var file = FileSourceReader.Open(path, maxLineBytes);
        if (!file.IsPacked)
        {
            return file.ReadEnd() >= shortest ? file : Closed(file);
        }

        file.Dispose();
        return --maxPacked < 0 ? null : SpooledSource.InflateAsync(path, maxLineBytes, CancellationToken.None).GetAwaiter().GetResult();
    }

    private static FileSourceReader? Closed(FileSourceReader file)
    {
        file.Dispose();
        return null;
    }

    private IEnumerable<string> Named() => places.SelectMany(place => Directory.Exists(place) ? Files(place) : [place]).Select(Path.GetFullPath);

    private static IEnumerable<string> Neighbours(IReadOnlyList<VerifiedSource> files) => files
        .Where(file => file.Place is null)
        .SelectMany(file => file.KnownPaths())
        .Select(path => Path.GetDirectoryName(path))
        .OfType<string>()
        .Distinct()
        .Take(MaxFolders)
        .Where(Directory.Exists)
        .SelectMany(Files);

    /// <summary>Lists the files of a folder, newest first, because a rotated file is recent.</summary>
    private static IEnumerable<string> Files(string folder)
    {
        try
        {
            return [.. new DirectoryInfo(folder).EnumerateFiles().Take(MaxFilesPerFolder).OrderByDescending(file => file.LastWriteTimeUtc).Select(
                file => file.FullName)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}

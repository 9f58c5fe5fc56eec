using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Finds the files that were counted. Their content identifies them, and a path is a hint: after a rotation another content stands there. Not
/// thread-safe.</summary>
/// <remarks>Looks at the known paths, then at the paths that the user names, then at the files next to the known paths. Each number of looks has a
/// limit.</remarks>
internal sealed class ContentSearch(int maxLineBytes, IReadOnlyList<string> places)
{
    /// <summary>Files that are looked at in one folder.</summary>
    private const int MaxFilesPerFolder = 10_000;

    /// <summary>Folders next to known paths.</summary>
    private const int MaxFolders = 64;

    /// <summary>Packed files next to known paths: each is inflated as a whole. Those that the user names have no limit.</summary>
    private const int MaxPackedNeighbours = 64;

    /// <summary>Sets <see cref="VerifiedSource.Place"/> of each file, or refuses it with the reason.</summary>
    public void Run(IReadOnlyList<VerifiedSource> files, CancellationToken cancellationToken)
    {
        var reasons = new Dictionary<VerifiedSource, string>(ReferenceEqualityComparer.Instance);
        foreach (var unknown in files.Where(file => !file.IsKnown))
        {
            unknown.Refuse(
                $"the ledger has applied {unknown.Needed} bytes of it, but records no content of that length (event_source_digest): "
                + "no file can be recognised as it");
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
                ? $"{reasons.GetValueOrDefault(missing, "no such file")}; its content of {missing.Needed} bytes is not next to it either"
                : $"a content of {missing.Needed} bytes was counted from standard input, and not kept";
            missing.Refuse($"{origin}. Name the file or the folder that has it: verify FILE...");
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
                // Not the file that is looked for.
            }
        }
    }

    /// <summary>Null for a file that is too short, or packed and past the limit.</summary>
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

    /// <summary>The latest files of a folder first: a rotated file is one of them.</summary>
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

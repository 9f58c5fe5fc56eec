using System.Security.Cryptography;
using RevenueAspire.Client.Input;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Sending;

/// <summary>A run's rejected lines, byte for byte, in a file next to the input. Created for the first rejected line. For one thread at a time.</summary>
/// <remarks>Never writes to a file that this run did not create, because it may contain a user's corrections.</remarks>
/// <param name="input">The file that is sent.</param>
/// <param name="otherPath">The path to use if the input's folder is not writable.</param>
/// <param name="claimed">The file that the run had created at its last save, or null.</param>
/// <param name="length">Bytes that the run had written at its last save. Later bytes, from a killed process, are cut off and written again.</param>
internal sealed class RejectedFile(InputFile input, string otherPath, string? claimed, long length) : IDisposable
{
    public const string Suffix = ".rejected.jsonl";

    private FileStream? _stream;
    private string? _aside;

    public string FilePath { get; private set; } = claimed ?? PathFor(input.FullPath);

    /// <summary>Bytes written by this run.</summary>
    public long Length { get; private set; } = length;

    public static string PathFor(string file) => file + Suffix;

    /// <summary>If a file contains the rejected lines of another file in the same list (such as <c>*.jsonl</c>), returns that other file, else null.</summary>
    public static string? FindOwner(string file, IEnumerable<string> all)
    {
        var path = Path.GetFullPath(file);
        return all.FirstOrDefault(other => Path.GetFullPath(other) is var owner && path.StartsWith(owner + ".rejected.", StringComparison.Ordinal)
            && path[(owner.Length + ".rejected.".Length)..] is var end
            && (end == "jsonl" || (end.EndsWith(".jsonl", StringComparison.Ordinal) && end[..^".jsonl".Length].All(char.IsAsciiDigit))));
    }

    /// <summary>Creates an empty file. An existing file of that name is moved aside first. When this returns, the file's name survives a power cut.</summary>
    /// <param name="warn">Receives a warning if another folder is used.</param>
    /// <returns>The path.</returns>
    /// <exception cref="SendException">The file can be created in neither place.</exception>
    public string Claim(Action<string> warn)
    {
        var beside = PathFor(input.FullPath);
        try
        {
            Make(beside);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            try
            {
                Make(otherPath);
            }
            catch (Exception other) when (other is IOException or UnauthorizedAccessException)
            {
                throw new SendException(
                    SendFailure.LocalFile,
                    $"Rejected lines cannot be written to {beside} ({exception.Message}) or to {otherPath}: {other.Message}",
                    exception);
            }

            warn($"{beside} cannot be written ({exception.Message}); the rejected lines go to {otherPath}.");
        }

        return FilePath;
    }

    /// <summary>Deletes the file that was moved aside, if the finished run has written the same bytes again.</summary>
    /// <returns>A message for the user, or null.</returns>
    public string? SettleAside(bool isComplete)
    {
        if (_aside is not { } aside)
        {
            return null;
        }

        _stream?.Dispose();
        try
        {
            if (isComplete && FilesAreEqual(aside, FilePath))
            {
                File.Delete(aside);
                return null;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // An extra copy is harmless; the message below names it.
        }

        return $"{FilePath} contained lines from before this run; they are now in {aside}.";
    }

    /// <summary>Appends lines. When this returns, they survive a power cut.</summary>
    /// <exception cref="SendException">The file cannot be written.</exception>
    public async Task AppendAsync(IReadOnlyList<RejectedLine> lines, CancellationToken cancellationToken)
    {
        if (lines.Count == 0)
        {
            return;
        }

        try
        {
            _stream ??= Open();
            foreach (var line in lines)
            {
                await WriteAsync(_stream, line, cancellationToken);
                _stream.WriteByte((byte)'\n');
            }

            _stream.Flush(flushToDisk: true);
            Length = _stream.Position;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Discard();
            throw new SendException(SendFailure.LocalFile, $"Rejected lines cannot be written to {FilePath}: {exception.Message}", exception);
        }
    }

    public void Dispose() => _stream?.Dispose();

    /// <summary>Closes a stream after a failed write, although closing writes the buffer once more.</summary>
    private void Discard()
    {
        try
        {
            _stream?.Dispose();
        }
        catch (IOException)
        {
            // The write failed again; the file is closed.
        }

        _stream = null;
    }

    private void Make(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > 0 })
        {
            _aside = MoveAside(path);
        }

        using (new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read))
        {
            FilePath = path;
        }

        DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static string MoveAside(string path)
    {
        for (var number = 1; ; number++)
        {
            var aside = $"{path[..^".jsonl".Length]}.{number}.jsonl";
            if (!Path.Exists(aside))
            {
                File.Move(path, aside);
                return aside;
            }
        }
    }

    private static bool FilesAreEqual(string left, string right)
    {
        using var one = new FileStream(left, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var other = new FileStream(right, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return one.Length == other.Length && SHA256.HashData(one).AsSpan().SequenceEqual(SHA256.HashData(other));
    }

    private FileStream Open()
    {
        var stream = new FileStream(FilePath, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        if (stream.Length > Length)
        {
            stream.SetLength(Length);
        }

        stream.Position = stream.Length;
        return stream;
    }

    private async Task WriteAsync(FileStream stream, RejectedLine line, CancellationToken cancellationToken)
    {
        if (line.Bytes is { } bytes)
        {
            await stream.WriteAsync(bytes, cancellationToken);
            return;
        }

        var buffer = new byte[64 * 1024];
        for (var offset = line.Offset; offset < line.Offset + line.Length;)
        {
            var read = await input.ReadAsync(offset, buffer.AsMemory(0, (int)Math.Min(buffer.Length, line.Offset + line.Length - offset)), cancellationToken);
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            offset += read;
        }
    }
}

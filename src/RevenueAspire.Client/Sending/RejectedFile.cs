using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>The bad lines of a run, byte for byte, in a file beside the input. Made with the first of them. For one thread at a time.</summary>
/// <param name="input">The file that is sent.</param>
/// <param name="length">Bytes that the run had written by its last save; what a killed process wrote behind them is written again, and is cut off.</param>
internal sealed class RejectedFile(InputFile input, long length) : IDisposable
{
    private FileStream? _stream;

    public string FilePath { get; } = PathFor(input.FullPath);

    /// <summary>Bytes written by this run.</summary>
    public long Length { get; private set; } = length;

    /// <summary>FILE.rejected.jsonl.</summary>
    public static string PathFor(string file) => file + ".rejected.jsonl";

    /// <summary>Appends lines. When it returns, they survive a power cut.</summary>
    /// <exception cref="SendException">The file cannot be written.</exception>
    public async Task AppendAsync(IReadOnlyList<RejectedLine> lines, CancellationToken cancellationToken)
    {
        if (lines.Count == 0)
        {
            return;
        }

        try
        {
            var isNew = _stream is null && !File.Exists(FilePath);
            _stream ??= Open();
            foreach (var line in lines)
            {
                await WriteAsync(_stream, line, cancellationToken);
                _stream.WriteByte((byte)'\n');
            }

            _stream.Flush(flushToDisk: true);
            if (isNew)
            {
                DurableFile.SyncDirectory(Path.GetDirectoryName(FilePath)!);
            }

            Length = _stream.Position;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SendException(SendFailure.LocalFile, $"Rejected lines cannot be written to {FilePath}: {exception.Message}", exception);
        }
    }

    public void Dispose() => _stream?.Dispose();

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

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Runs alone in the process, because it measures the allocations of the whole process.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public sealed class AloneInTheProcess;

[Collection(nameof(AloneInTheProcess))]
public sealed class GzipBombTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_gzip_bomb_is_413_long_before_it_is_decompressed()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var bomb = new MemoryStream();
        await using (var gzip = new System.IO.Compression.GZipStream(bomb, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            var zeros = new byte[1 << 20];
            for (var megabyte = 0; megabyte < 1024; megabyte++)
            {
                gzip.Write(zeros);
            }
        }

        var before = GC.GetTotalAllocatedBytes();
        (await api.PostEventsAsync(bomb.ToArray(), ("Content-Encoding", "gzip"))).ExpectProblem(413, null);

        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64L << 20);
        Assert.Empty(api.Records());
    }
}

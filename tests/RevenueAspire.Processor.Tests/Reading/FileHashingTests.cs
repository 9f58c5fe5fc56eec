using System.Security.Cryptography;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Reading;

public sealed class FileHashingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1 << 20)]
    [InlineData((5 << 20) + 17)]
    public async Task M10_digests_match_the_files_beginnings_regardless_of_when_their_lengths_become_known(int length)
    {
        var random = Seed.Random(nameof(M10_digests_match_the_files_beginnings_regardless_of_when_their_lengths_become_known));
        var bytes = new byte[length];
        random.NextBytes(bytes);
        using var source = new MemorySource(bytes);
        for (var round = 0; round < 10; round++)
        {
            var hashing = new FileHashing(source, length, CancellationToken.None);
            for (var question = 0; question < 3; question++)
            {
                long[] lengths = [0, 1, length, length + 1L, 1 << 20, .. Enumerable.Range(0, 5).Select(_ => random.NextInt64(1, length + 1L))];
                if (random.Next(2) == 0)
                {
                    await Task.Delay(random.Next(3));
                }

                var digests = await hashing.DigestsAsync(lengths);
                Assert.Equal(lengths.Where(n => n > 0 && n <= length).Distinct().Order(), digests.Select(digest => digest.Length));
                Assert.All(digests,
                    digest =>
                    Assert.True(digest.Sha256.Span.SequenceEqual(SHA256.HashData(bytes.AsSpan(0, (int)digest.Length))), $"{digest.Length}; {Seed.Hint}"));
            }
        }
    }

    [Fact]
    public async Task Cancelled_hashing_throws()
    {
        using var source = new MemorySource(new byte[64 << 20]);
        using var stop = new CancellationTokenSource();
        var hashing = new FileHashing(source, 64 << 20, stop.Token);
        await stop.CancelAsync();
        await hashing.EndedAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hashing.DigestsAsync([]));
    }
}

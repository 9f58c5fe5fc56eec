using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Rule M10: content identifies a file. The tests write contents as texts, and resolve a file like a processor.</summary>
public sealed class FileResolutionTests(SharedLedger ledger) : IClassFixture<SharedLedger>
{
    /// <summary>Each case: the files resolved before, in order; the file; its expected match; and, for a fork, the path of the forked file.</summary>
    public static TheoryData<string[], string, FileMatch, string?> Cases => new()
    {
        { [], "aaaa", FileMatch.New, null },
        { ["aaaa"], "aaaa", FileMatch.Known, null },
        { ["aaaa"], "bbbb", FileMatch.New, null },
        { ["aaaa"], "aaaabb", FileMatch.Grown, null },
        { ["aaaa", "aaaabb"], "aaaabb", FileMatch.Known, null },
        { ["aaaa", "aaaabb"], "aaaabbcc", FileMatch.Grown, null },

        // An older state of the same file: a backup, or an earlier copy.
        { ["aaaa", "aaaabb"], "aaaa", FileMatch.Known, null },
        { ["aaaa", "aaaabb", "aaaabbcc"], "aaaabb", FileMatch.Known, null },

        // Continues an older state differently, and is longer than the newest state, equally long, or shorter.
        { ["aaaa", "aaaabb"], "aaaaXXcc", FileMatch.Fork, "/0" },
        { ["aaaa", "aaaabb"], "aaaaXX", FileMatch.Fork, "/0" },
        { ["aaaa", "aaaabbbb"], "aaaaXX", FileMatch.Fork, "/0" },

        // Between two known states, and a prefix of the newer one. Only reading the old file could show that, so it is refused as well.
        { ["aaaa", "aaaabbbb"], "aaaabb", FileMatch.Fork, "/0" },

        // A long common beginning, but without a known state there.
        { ["aaaaaaaaaaaaaaaab"], "aaaaaaaaaaaaaaaac", FileMatch.New, null },
        { ["aaaaaaaa"], "aaaa", FileMatch.New, null },
        { ["aaaaaaaa", "aaaa"], "aaaaaaaa", FileMatch.Known, null },
        { ["aaaaaaaa", "aaaa"], "aaaaaaaab", FileMatch.Grown, null },

        // The longest known beginning decides.
        { ["aaaaaaaa", "aaaaaaaabb", "aaaa"], "aaaaaaaacc", FileMatch.Fork, "/0" },
        { ["aaaaaaaa", "aaaa"], "aaaab", FileMatch.Grown, null },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task M10_ResolveFileAsync_finds_a_file_by_its_content(string[] before, string file, FileMatch expected, string? forkOf)
    {
        var database = ledger.Database;
        await database.ExecuteAsync("truncate event_source, event_source_digest");
        foreach (var content in before)
        {
            // Each content has a separate path unless it continues an earlier one; then the last path applies.
            await ResolveAsync(database, "/0", content);
        }

        var sources = await database.ScalarAsync<long>("select count(*) from event_source");
        var found = await ResolveAsync(database, "/new", file);
        Assert.Equal((expected, forkOf), (found.Match, found.ForkOf));
        Assert.Equal(expected == FileMatch.Fork ? 0 : 1, found.Sources.Count);
        Assert.Equal(sources + (expected == FileMatch.New ? 1 : 0), await database.ScalarAsync<long>("select count(*) from event_source"));
        if (expected is FileMatch.New or FileMatch.Grown)
        {
            Assert.Equal((file.Length, "/new", SourceKind.File, 1),
                (found.Sources[0].Length, found.Sources[0].Name, found.Sources[0].Kind, found.Sources[0].Generation));
        }

        // A repeat, for example after a lost answer, finds the same file, now as known.
        var again = await ResolveAsync(database, "/new", file);
        Assert.Equal(expected == FileMatch.Fork ? FileMatch.Fork : FileMatch.Known, again.Match);
        Assert.Equal(found.Sources.Select(source => source.Id), again.Sources.Select(source => source.Id));
    }

    [Fact]
    public async Task M10_the_latest_64_paths_of_a_content_are_remembered()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        for (var index = 0; index < FileResolver.MaxPaths + 3; index++)
        {
            await ResolveAsync(database, $"/{index:00}", "aaaa");
        }

        await ResolveAsync(database, "/66", "aaaa");
        await ResolveAsync(database, SourceRegistry.NoPath, "aaaa");
        await ResolveAsync(database, "/" + new string('x', 3000), "aaaa");
        await ResolveAsync(database, "/other", "bb");
        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        var paths = snapshot.Paths[snapshot.Sources.Single(source => source.Length == 4).ContentId].ToArray();
        Assert.Equal((FileResolver.MaxPaths, "/66", "/03"), (paths.Length, paths[0], paths[^1]));
    }

    [Fact]
    public async Task M1_M10_a_repeat_after_a_lost_answer_gets_the_first_answer()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var (creation, growth) = (Guid.NewGuid(), Guid.NewGuid());
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var found = await database.Registry.ResolveFileAsync(creation, "/a", [Digest("aaaa", 4)], CancellationToken.None);
            Assert.Equal((FileMatch.New, creation, 4), (found.Match, found.Sources.Single().Id, found.Lengths.Single()));
        }

        for (var attempt = 0; attempt < 2; attempt++)
        {
            var found = await database.Registry.ResolveFileAsync(growth, "/a", [Digest("aaaabb", 4), Digest("aaaabb", 6)], CancellationToken.None);
            Assert.Equal((FileMatch.Grown, creation), (found.Match, found.Sources.Single().Id));
            Assert.Equal([4L, 6], found.Lengths);
        }

        // For every other caller, the file is known.
        Assert.Equal(FileMatch.Known, (await ResolveAsync(database, "/a", "aaaabb")).Match);
        Assert.Equal(
            6, await database.Registry.FindKnownBeginningAsync([Digest("aaaabbc", 4), Digest("aaaabbc", 6), Digest("aaaabbc", 7)], CancellationToken.None));
        Assert.Null(await database.Registry.FindKnownBeginningAsync([Digest("aaab", 4)], CancellationToken.None));
    }

    [Fact]
    public async Task M10_a_copy_under_another_name_is_known_and_its_path_kept_only_if_it_is_complete()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var first = (await ResolveAsync(database, "/a", "aaaa")).Sources.Single();
        Assert.Equal("/b", (await ResolveAsync(database, "/b", "aaaa")).Sources.Single().Name);
        Assert.Equal("/c", (await ResolveAsync(database, "/c", "aaaabb")).Sources.Single().Name);

        // An old copy lacks newer events, so verify must not read it.
        var old = (await ResolveAsync(database, "/old", "aaaa")).Sources.Single();
        Assert.Equal((first.Id, "/c", 6), (old.Id, old.Name, old.Length));
    }

    [Fact]
    public async Task M10_a_later_generation_counts_the_content_again_and_does_not_grow()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var first = (await ResolveAsync(database, "/a", "aaaa")).Sources.Single();
        var second = await database.Registry.StartNextGenerationAsync(Guid.NewGuid(), "/a", Digest("aaaa", 4), CancellationToken.None);
        Assert.Equal((2, 4, 0, 0), (second.Generation, second.Length, second.ClaimedThrough, second.AppliedThrough));
        Assert.NotEqual(first.Id, second.Id);

        var grown = await ResolveAsync(database, "/b", "aaaabb");
        Assert.Equal([(1, 6, "/b"), (2, 4, "/b")], grown.Sources.Select(source => (source.Generation, source.Length, source.Name)));
        var third = await database.Registry.StartNextGenerationAsync(Guid.NewGuid(), "/b", Digest("aaaabb", 6), CancellationToken.None);
        Assert.Equal((3, 6), (third.Generation, third.Length));
        var known = await ResolveAsync(database, "/b", "aaaabb");
        Assert.Equal((FileMatch.Known, "1 2 3"), (known.Match, string.Join(' ', known.Sources.Select(source => source.Generation))));

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => database.Registry.StartNextGenerationAsync(Guid.NewGuid(), "/x", Digest("xxxx", 4), CancellationToken.None));
        var concurrent = await Task.WhenAll(
            Enumerable.Range(0, 5).Select(_ => database.Registry.StartNextGenerationAsync(Guid.NewGuid(), "/b", Digest("aaaabb", 6), CancellationToken.None)));
        Assert.Equal([4, 5, 6, 7, 8], concurrent.Select(source => source.Generation).Order());
    }

    [Fact]
    public async Task M10_one_of_eight_processes_creates_a_new_file()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ResolveAsync(database, "/a", "aaaa")));
        Assert.Single(found, resolution => resolution.Match == FileMatch.New);
        Assert.Single(found.SelectMany(resolution => resolution.Sources).Select(source => source.Id).Distinct());

        found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ResolveAsync(database, "/a", "aaaabb")));
        Assert.Single(found, resolution => resolution.Match == FileMatch.Grown);
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from event_source"));
    }

    [Fact]
    public async Task M10_newly_needed_digests_are_requested_and_nothing_is_created()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await ResolveAsync(database, "/a", "aaaa");
        await ResolveAsync(database, "/a", "aaaabb");
        await ResolveAsync(database, "/b", "bbbbbbbbbb");
        Assert.Equal([4L, 6], await database.Registry.KnownLengthsAsync(9, CancellationToken.None));
        Assert.Equal([4L, 6, 10], await database.Registry.KnownLengthsAsync(10, CancellationToken.None));

        var asked = await database.Registry.ResolveFileAsync(Guid.NewGuid(), "/c", [Digest("aaaabbccc", 9), Digest("aaaabbccc", 4)], CancellationToken.None);
        Assert.Equal([6L], asked.MissingLengths);
        Assert.Empty(asked.Sources);
        Assert.Equal(2L, await database.ScalarAsync<long>("select count(*) from event_source"));

        var found = await ResolveAsync(database, "/c", "aaaabbccc");
        Assert.Equal((FileMatch.Grown, true), (found.Match, found.MissingLengths is null));
    }

    [Fact]
    public async Task M10_an_empty_file_cannot_be_resolved()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        foreach (var bad in (FileDigest[][])[[], [Digest("", 0)], [Digest("aa", 2), Digest("aa", 2)], [new FileDigest(2, new byte[31])]])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => database.Registry.ResolveFileAsync(Guid.NewGuid(), "/a", bad, CancellationToken.None));
        }
    }

    [Fact]
    public async Task OpenLogAsync_finds_a_log_by_its_id_and_updates_its_path()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var id = Guid.NewGuid();
        var opened = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => database.Registry.OpenLogAsync(id, "/log", CancellationToken.None)));
        Assert.All(opened,
            source => Assert.Equal(
            (id, SourceKind.Log, "/log", 1, 0, 0), (source.Id, source.Kind, source.Name, source.Generation, source.Length, source.AppliedThrough)));
        Assert.True(await database.ApplyAsync(id, 0, 10, new TestDeltas(), [], 1, 1));
        var moved = await database.Registry.OpenLogAsync(id, "/moved", CancellationToken.None);
        Assert.Equal(("/moved", 10), (moved.Name, moved.AppliedThrough));
        Assert.Equal("/moved", (await database.Registry.FindAsync(id, CancellationToken.None))!.Name);
        Assert.Null(await database.Registry.FindAsync(Guid.NewGuid(), CancellationToken.None));
    }

    /// <summary>Resolves like the processor: digests at the known lengths and at the end, and again with lengths that became known in the meantime.</summary>
    private static async Task<FileResolution> ResolveAsync(LedgerDatabase database, string path, string content)
    {
        var lengths = (await database.Registry.KnownLengthsAsync(content.Length, CancellationToken.None)).ToHashSet();
        lengths.Add(content.Length);
        while (true)
        {
            var found = await database.Registry.ResolveFileAsync(
                Guid.NewGuid(), path, [.. lengths.Select(length => Digest(content, length))], CancellationToken.None);
            if (found.MissingLengths is null)
            {
                return found;
            }

            lengths.UnionWith(found.MissingLengths);
        }
    }

    private static FileDigest Digest(string content, long length) => new(length, SHA256.HashData(Encoding.UTF8.GetBytes(content[..(int)length])));
}

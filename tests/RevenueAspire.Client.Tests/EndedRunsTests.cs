using System.Globalization;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Journal;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>The number of journals is limited, but no journal that a resume could need is removed.</summary>
public sealed class EndedRunsTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Only_journals_of_the_oldest_finished_runs_of_moved_files_are_removed()
    {
        await using var api = await FakeApi.StartAsync();
        var (there, other) = (_client.Write("there.jsonl", SendHarness.Event(1)), _client.Write("other.jsonl", SendHarness.Event(2)));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, there));
        var finished = RunJournal.TryRead(Assert.Single(Directory.GetFiles(_client.JournalDirectory, "*.json")))!;
        var stopped = Enumerable.Range(0, 3).Select(index => Save(finished with { Finished = false, SavedAt = default }, index)).ToArray();
        var rotated = Enumerable.Range(10, EndedRuns.Kept + 5)
            .Select(index => Save(finished with { SavedAt = DateTimeOffset.UnixEpoch.AddDays(index) }, index)).ToArray();
        var atItsPath = Save(finished with { SavedAt = default }, 4, "send-there");
        var held = Save(finished with { SavedAt = default }, 5);
        using var holder = RunJournal.Open(_client.JournalDirectory, Path.GetFileNameWithoutExtension(held), there);

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, other));

        Assert.All([.. stopped, atItsPath, held, .. rotated[5..]], path => Assert.True(File.Exists(path), path));
        Assert.All(rotated[..5], path => Assert.False(File.Exists(path) || File.Exists(path + ".lock"), path));
    }

    private string Save(JournalEntry entry, int index, string? name = null)
    {
        entry = entry with { RunId = index.ToString("x32", CultureInfo.InvariantCulture) };
        name ??= JournalNames.Aside(entry.RunId);
        using var journal = RunJournal.Open(_client.JournalDirectory, name, entry.File);
        File.WriteAllBytes(journal.FilePath, System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(entry, JournalJson.Default.JournalEntry));
        return journal.FilePath;
    }
}

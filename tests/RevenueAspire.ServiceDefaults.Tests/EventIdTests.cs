using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

/// <summary>Log event ids, by which a search finds one message and no other.</summary>
public sealed partial class EventIdTests
{
    [Fact]
    public void No_two_log_messages_of_the_product_share_an_event_id()
    {
        var folders = new[] { "src", "RevenueAspire.ServiceDefaults", "RevenueAspire.AppHost" };
        var files = folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories));
        var messages = files.SelectMany(file => Message().Matches(File.ReadAllText(file)).Select(match => (Id: match.Groups["id"].Value, Place: Path.GetFileName(file)))).ToList();

        Assert.True(messages.Count > 40, $"Only {messages.Count} log messages were found.");
        Assert.DoesNotContain(messages, message => message.Id.Length == 0);
        Assert.Empty(messages.GroupBy(message => message.Id).Where(same => same.Count() > 1).Select(same => $"{same.Key}: {string.Join(", ", same.Select(message => message.Place))}"));
    }

    /// <summary>The id is empty where the attribute gives none.</summary>
    [GeneratedRegex(@"\[LoggerMessage\((?:EventId\s*=\s*)?(?<id>\d*)")]
    private static partial Regex Message();
}

using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

/// <summary>The ids of log messages are unique, so a search by id finds only one message.</summary>
public sealed partial class EventIdTests
{
    [Fact]
    public void No_two_log_messages_of_the_product_share_an_event_id()
    {
        var projects = Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"))
            .Concat([Path.Combine(Repository.Root, "RevenueAspire.ServiceDefaults"), Path.Combine(Repository.Root, "RevenueAspire.AppHost")]);
        var messages = projects.SelectMany(MessagesOf).ToList();

        Assert.True(messages.Count > 40, $"Only {messages.Count} log messages were found.");
        Assert.DoesNotContain(messages, message => message.Id.Length == 0);
        Assert.Empty(messages.GroupBy(message => message.Id).Where(same => same.Count() > 1)
            .Select(same => $"{same.Key}: {string.Join(", ", same.Select(message => message.Place))}"));
    }

    /// <summary>The messages of a project. The id is empty if the attribute has neither a number nor a constant of the project's EventIds.</summary>
    private static List<(string Id, string Place)> MessagesOf(string project)
    {
        var files = Directory.EnumerateFiles(project, "*.cs", SearchOption.AllDirectories)
            .Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file))).ToList();
        var constants = files.Where(file => file.Name == "EventIds.cs").SelectMany(file => Constant().Matches(file.Text))
            .ToDictionary(match => match.Groups["name"].Value, match => match.Groups["id"].Value);
        return [.. files.SelectMany(file => Message().Matches(file.Text).Select(match => (
            match.Groups["name"].Success ? constants.GetValueOrDefault(match.Groups["name"].Value, "") : match.Groups["id"].Value, file.Name)))];
    }

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(?:EventIds\.(?<name>\w+)|(?<id>\d*))")]
    private static partial Regex Message();

    [GeneratedRegex(@"const int (?<name>\w+) = (?<id>\d+);")]
    private static partial Regex Constant();
}

using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Checks that the documents are true: a test or a program runs each block of commands, each named option exists, and each link has a
/// target.</summary>
public sealed partial class DocumentTests
{
    /// <summary>Names after <c>run:</c>; a test runs each of these blocks.</summary>
    private static readonly string[] Run = ["session", "own event", "tools", "backup", "restore", "verify", "waiting", "load", "figures of the processor",
        "figures of ingest", "figures of the log in Postgres"];

    private static IEnumerable<string> Markdown =>
        DocumentBlock.Documents.Concat(Directory.GetFiles(Path.Combine(Repository.Root, "src"), "README.md", SearchOption.AllDirectories).Where(
            path => !path.Contains("/bin/", StringComparison.Ordinal)).Select(path => Path.GetRelativePath(Repository.Root, path)));

    [Fact]
    public void Every_block_of_commands_names_its_runner()
    {
        var blocks = DocumentBlock.All().ToArray();
        Assert.NotEmpty(blocks);
        Assert.All(blocks, block => Assert.True(
            block.Mark is { } mark && (mark.StartsWith("run by: ", StringComparison.Ordinal) || mark.StartsWith("not run: ", StringComparison.Ordinal)
                || (mark.StartsWith("run: ", StringComparison.Ordinal) && Run.Contains(mark["run: ".Length..]))),
            $"{block.Place} needs a comment before it: <!-- run: NAME --> with a test of that name, <!-- run by: NAME --> or <!-- not run: REASON -->"));
        Assert.Equal(Run.Order(),
            blocks.Where(block => block.Mark!.StartsWith("run: ", StringComparison.Ordinal)).Select(block => block.Mark!["run: ".Length..]).Order());
    }

    [Fact]
    public async Task Every_tool_option_in_a_document_exists()
    {
        var help = new Dictionary<string, string>();
        foreach (var (program, command) in (ReadOnlySpan<(string, string)>)[("Client", "send"), ("Client", "load"), ("Client", "completion"),
            ("Processor", "process"), ("Processor", "verify"), ("Processor", "ledger"), ("Processor", "history"),
            ("Processor", "completion")])
        {
            help[$"{program} {command}"] = "";
        }

        foreach (var tool in help.Keys.ToArray())
        {
            var words = tool.Split(' ');
            await using var run = await ServiceProcess.RunAsync("RevenueAspire." + words[0], [words[1], "--help"]);
            help[tool] = run.Output;
        }

        var named = 0;
        foreach (var document in Markdown)
        {
            foreach (Match call in Call().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
            {
                var program = call.Groups["program"].Value;
                var tool = $"{char.ToUpperInvariant(program[0])}{program[1..]} {call.Groups["command"].Value}";
                Assert.True(help.ContainsKey(tool), $"{document}: there is no {tool}: {call.Value}");
                foreach (Match option in Option().Matches(call.Groups["rest"].Value))
                {
                    named++;
                    Assert.True(Regex.IsMatch(help[tool], Regex.Escape(option.Value) + @"(\s|,|$)"), $"{document}: {tool} has no {option.Value}: {call.Value}");
                }
            }
        }

        Assert.InRange(named, 10, int.MaxValue);
    }

    [Fact]
    public void Every_link_to_a_file_of_the_clone_has_a_target()
    {
        foreach (var document in Markdown)
        {
            var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
            foreach (Match link in Link().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
            {
                var target = link.Groups[1].Value;
                if (!target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#'))
                {
                    Assert.True(Path.Exists(Path.Combine(folder, target.Split('#')[0])), $"{document} links to {target}, which does not exist");
                }
            }
        }
    }

    /// <summary>A call of a tool up to the end of its line, or of its code span.</summary>
    [GeneratedRegex(
        @"RevenueAspire\.(?<program>Client|Processor)(\.dll)? (?<command>[a-z]+)(?<rest>[^\n`|]*)|"
        + @"\$(?<program>client|processor) (?<command>[a-z]+)(?<rest>[^\n`|]*)")]
    private static partial Regex Call();

    [GeneratedRegex("--[a-z][a-z-]*")]
    private static partial Regex Option();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}

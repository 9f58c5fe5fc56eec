using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>A fenced block of commands in a document, and the comment before it, which names the test or program that runs it.</summary>
/// <param name="Place">File and line, for messages.</param>
/// <param name="Language">Language after the fence: sh, bash, console.</param>
/// <param name="Mark"><c>run: NAME</c>, <c>run by: NAME</c> or <c>not run: REASON</c>; null without a comment.</param>
/// <param name="Text">The commands.</param>
internal sealed partial record DocumentBlock(string Place, string Language, string? Mark, string Text)
{
    /// <summary>The checked documents, relative to the clone.</summary>
    public static IReadOnlyList<string> Documents { get; } =
    [
        "README.md",
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => "docs/" + Path.GetFileName(path)),
        ".github/CONTRIBUTING.md",
    ];

    /// <summary>All blocks of commands.</summary>
    public static IEnumerable<DocumentBlock> All() => Documents.SelectMany(Of).Where(block => block.Language is "sh" or "bash" or "console");

    /// <summary>The block with the mark <c>run: NAME</c>.</summary>
    public static DocumentBlock Named(string name) => Assert.Single(All(), block => block.Mark == "run: " + name);

    /// <summary>The block with the mark <c>run by: NAME</c>, in any language.</summary>
    public static DocumentBlock RunBy(string name) => Assert.Single(Documents.SelectMany(Of), block => block.Mark == "run by: " + name);

    private static IEnumerable<DocumentBlock> Of(string document)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, document));
        string? mark = null;
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (Comment().Match(line) is { Success: true } comment)
            {
                mark = comment.Groups[1].Value;
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                var (begin, indent) = (i + 1, lines[i].Length - lines[i].TrimStart().Length);
                while (lines[++i].Trim() != "```")
                {
                }

                yield return new DocumentBlock($"{document}:{begin}", line[3..].Trim(), mark,
                    string.Join('\n', lines[begin..i].Select(text => text.Length >= indent ? text[indent..] : text)));
                mark = null;
            }
            else if (line.Length > 0)
            {
                mark = null;
            }
        }
    }

    [GeneratedRegex("^<!-- (.*) -->$")]
    private static partial Regex Comment();
}

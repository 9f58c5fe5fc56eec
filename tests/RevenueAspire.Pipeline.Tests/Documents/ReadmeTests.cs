using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Types the commands of README.md into a real installation, and compares the answers with the shown ones.</summary>
public sealed partial class ReadmeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task The_session_with_curl_answers_as_shown()
    {
        Shell.Require("bash", "curl");
        await using var installation = await Installation.CreateAsync();
        var clientUrl = $"http://127.0.0.1:{FreePort.Next()}";
        installation.Start("RevenueAspire.Api", new Dictionary<string, string?> { ["Ingest__Secrets__0"] = "secret" });
        installation.StartProcessor();
        using (var http = new HttpClient())
        {
            await Eventually.IsTrueAsync(() => IsUpAsync(http, installation.ApiUrl));
            installation.Start("RevenueAspire.Client",
                new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = clientUrl, ["Client__Secret"] = "secret", ["Client__SendOnStart"] = "true" });
            await Eventually.IsTrueAsync(() => IsUpAsync(http, clientUrl));
        }

        var receipts = new Dictionary<string, string>();
        foreach (var (command, shown) in Commands(DocumentBlock.Named("session").Text).Concat(Commands(DocumentBlock.Named("own event").Text)))
        {
            var typed = receipts.Aggregate(command, (text, receipt) => text.Replace(receipt.Key, receipt.Value, StringComparison.Ordinal))
                .Replace("localhost:8000", installation.ApiUrl["http://".Length..], StringComparison.Ordinal)
                .Replace("localhost:3000", clientUrl["http://".Length..], StringComparison.Ordinal)
                .Replace("curl ", "curl -sS ", StringComparison.Ordinal);
            var answer = await AnswerAsync(typed, Pattern(shown));
            if (Receipt().Match(shown) is { Success: true } receipt)
            {
                receipts[receipt.Value] = Receipt().Match(answer).Value;
            }
        }
    }

    [Fact]
    public async Task The_calls_in_the_README_of_the_API_are_answered()
    {
        Shell.Require("bash", "curl");
        await using var installation = await Installation.CreateAsync();
        installation.Start("RevenueAspire.Api", new Dictionary<string, string?> { ["Ingest__Secrets__0"] = "secret" });
        installation.StartProcessor();
        using (var http = new HttpClient())
        {
            await Eventually.IsTrueAsync(() => IsUpAsync(http, installation.ApiUrl));
        }

        var calls = File.ReadLines(Path.Combine(Repository.Root, "src/RevenueAspire.Api/README.md")).Where(
            line => line.StartsWith("    curl ", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(calls);
        foreach (var call in calls)
        {
            var typed = call.Trim().Replace("localhost:8000", installation.ApiUrl["http://".Length..], StringComparison.Ordinal).Replace(
                "@events.jsonl", "@src/RevenueAspire.Client/events.jsonl", StringComparison.Ordinal);
            await Eventually.IsTrueAsync(async () =>
                (await Shell.RunAsync(typed, new Dictionary<string, string?>())).Output.StartsWith("HTTP/1.1 20", StringComparison.Ordinal), Patience, typed);
        }
    }

    [Fact]
    public async Task The_commands_of_the_tools_run_as_documented()
    {
        Shell.Require("bash", "gzip");
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        installation.StartProcessor();
        var commands = string.Join('\n', DocumentBlock.Named("tools").Text.Split('\n').Where(line => !line.StartsWith("export ", StringComparison.Ordinal)));
        var run = await Shell.RunAsync(
            "set -euo pipefail\n" + commands,
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__revenuedb"] = installation.ConnectionString,
                ["Client__Url"] = installation.ApiUrl,
                ["Client__Secret"] = Installation.Secret,
                ["Data__Directory"] = installation.File("tools"),
            });
        Assert.True(run.Code == 0, run.Output + run.Errors);
    }

    /// <summary>Repeats a command until it prints the shown answer, because a balance may take a moment. Only reads are repeated.</summary>
    private static async Task<string> AnswerAsync(string command, Regex shown)
    {
        var answer = "";
        async Task<bool> TryAsync()
        {
            var (_, output, errors) = await Shell.RunAsync(command, new Dictionary<string, string?>());
            answer = output.Trim() + errors;
            return shown.IsMatch(answer);
        }

        if (command.Contains("-X POST", StringComparison.Ordinal))
        {
            await TryAsync();
        }
        else
        {
            try
            {
                await Eventually.IsTrueAsync(TryAsync, Patience);
            }
            catch (TimeoutException)
            {
                // The assertion below reports the last answer.
            }
        }

        Assert.True(shown.IsMatch(answer), $"{command}\nanswers {answer}\ninstead of {shown}");
        return answer;
    }

    private static async Task<bool> IsUpAsync(HttpClient http, string url)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(url + "/health"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Lines that begin with $, each with the answer shown below it.</summary>
    private static IEnumerable<(string Command, string Shown)> Commands(string text)
    {
        foreach (var part in Regex.Split(text, "^\\$ ", RegexOptions.Multiline).Skip(1))
        {
            var lines = part.TrimEnd().Split('\n');
            var command = lines.TakeWhile((line, index) => index == 0 || lines[index - 1].EndsWith('\\')).ToArray();
            yield return (string.Join('\n', command), string.Join('\n', lines.Skip(command.Length)));
        }
    }

    /// <summary>Builds a pattern from the shown answer: ... matches any text, and a receipt matches any receipt.</summary>
    private static Regex Pattern(string shown)
    {
        var pattern = Regex.Escape(shown.Replace("/bin/Debug/", $"/bin/{Repository.Configuration}/", StringComparison.Ordinal)).Replace(
            @"\.\.\.", ".*", StringComparison.Ordinal);
        return new Regex("^" + Receipt().Replace(pattern, "[0-9a-f]{32}:[0-9]+") + "$");
    }

    [GeneratedRegex("[0-9a-f]{32}:[0-9]+")]
    private static partial Regex Receipt();
}

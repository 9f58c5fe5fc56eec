using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>Output and exit codes for help, usage errors and bad input.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("Required argument 'FILE' missing", "send")]
    [InlineData("bogus", "bogus")]
    [InlineData("--bogus", "send", "x", "--bogus")]
    [InlineData("--batch must be a number from 1 to 100000", "send", "x", "--batch", "0")]
    [InlineData("--batch must be a number", "send", "x", "--batch", "many")]
    [InlineData("--concurrency must be a number from 1 to 1024", "send", "x", "--concurrency", "1025")]
    [InlineData("--url: 'ftp://x' is not an address", "send", "x", "--url", "ftp://x")]
    [InlineData("--secret: a secret must", "send", "x", "--secret", "a\nb")]
    [InlineData("is given twice", "send", "x", "./x")]
    [InlineData("FILE is empty", "send", "")]
    public async Task A_usage_error_exits_2_and_mentions_the_help(string message, params string[] args)
    {
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync(args));
        Assert.Contains(message, _client.Error, StringComparison.Ordinal);
        Assert.Contains("--help", _client.Error, StringComparison.Ordinal);
        Assert.Empty(_client.Out);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("send", "--help")]
    [InlineData("send", "x", "--batch", "0", "--help")]
    public async Task Help_shows_examples_and_exit_codes(params string[] args)
    {
        Assert.Equal(ExitCodes.Done, await _client.RunAsync(args));
        Assert.Contains("Examples:", _client.Out, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", _client.Out, StringComparison.Ordinal);
        Assert.Empty(_client.Error);
    }

    [Fact]
    public async Task Without_arguments_the_service_runs() => Assert.Equal(-1, await _client.RunAsync());

    [Theory]
    [InlineData(null, "1")]
    [InlineData("0", "0")]
    public void A_runtime_variable_set_by_the_user_is_kept(string? given, string expected)
    {
        var before = Environment.GetEnvironmentVariable(ToolHost.InlineCompletions);
        Environment.SetEnvironmentVariable(ToolHost.InlineCompletions, given);
        try
        {
            ToolHost.SetUnlessGiven(ToolHost.InlineCompletions, "1");
            Assert.Equal(expected, Environment.GetEnvironmentVariable(ToolHost.InlineCompletions));
        }
        finally
        {
            Environment.SetEnvironmentVariable(ToolHost.InlineCompletions, before);
        }
    }

    [Fact]
    public async Task A_missing_file_is_reported_in_one_line_and_nothing_is_sent()
    {
        await using var api = await FakeApi.StartAsync();
        var good = _client.Write("good.jsonl", SendHarness.Events(3));

        Assert.Equal(ExitCodes.NotDone, await _client.RunAsync("send", good, _client.Path("none.jsonl"), "--url", api.Url.ToString()));

        Assert.Equal($"{_client.Path("none.jsonl")} does not exist.", Assert.Single(_client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task A_directory_is_reported_in_one_line_and_nothing_is_sent()
    {
        await using var api = await FakeApi.StartAsync();
        Directory.CreateDirectory(_client.Path("folder"));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Path("folder")));

        Assert.Contains("is a directory", Assert.Single(_client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unreadable_file_is_reported_in_one_line()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "File modes do not bind this user.");
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("closed.jsonl", SendHarness.Events(1));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.None);
        }

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file));
        Assert.Equal($"{file} cannot be read: permission denied.", Assert.Single(_client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task An_unavailable_api_is_named_and_exits_1()
    {
        _client.Options.GiveUpAfterSeconds = 1;
        var file = _client.Write("a.jsonl", SendHarness.Events(1));

        Assert.Equal(ExitCodes.NotDone, await _client.RunAsync("send", file, "--url", "http://127.0.0.1:1"));

        Assert.Contains(
            "No API answers at http://127.0.0.1:1/ (connection refused). Start it, or name its address with --url or Client:Url.",
            _client.Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_created_is_named()
    {
        await using var api = await FakeApi.StartAsync();
        File.WriteAllText(_client.JournalDirectory, "a file where the folder should be");

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.Contains("Set Data:Directory", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }
}

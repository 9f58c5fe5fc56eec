using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>A token in a file instead of the secret.</summary>
public sealed class TokenFileTests : IDisposable
{
    private const string Expired = """{"title":"Unauthorized","status":401,"detail":"The token has expired."}""";

    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Requests_use_the_token_from_the_file(bool isOption)
    {
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = header => header == "Bearer one.two-three";
        var token = Token("one.two-three\n");
        _client.Options.TokenFile = isOption ? null : token;

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5)), isOption ? ["--token-file", token] : []);

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.Equal(ExitCodes.Done, await _client.RunAsync(
            ["load", "--url", api.Url.ToString(), "--duration", "1s", "--rate", "5", .. isOption ? ["--token-file", token] : Array.Empty<string>()]));
        Assert.Equal(10, api.Records.Count);
    }

    [Fact]
    public async Task A_changed_file_is_read_again_without_a_refusal()
    {
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = _ => true;
        var token = Token("first");
        api.Before = (_, number) =>
        {
            if (number == 2)
            {
                Token("second");
            }

            return Task.FromResult(false);
        };

        var file = _client.Write("a.jsonl", SendHarness.Events(60));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--token-file", token, "--rate", "20", "--concurrency", "1"));

        Assert.Equal(["Bearer first", "Bearer second"], api.Authorizations.Distinct());
    }

    [Fact]
    public async Task After_a_refusal_the_file_is_read_once_and_the_request_keeps_its_key()
    {
        await using var api = await FakeApi.StartAsync();
        var token = Token("first");
        api.Authorizes = header => header == "Bearer second";
        api.Refusal = (401, Expired);
        api.Before = (_, number) =>
        {
            if (number == 1)
            {
                Token("second");
            }

            return Task.FromResult(false);
        };

        var file = _client.Write("a.jsonl", SendHarness.Events(3));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--token-file", token, "--concurrency", "1"));

        Assert.Equal(["Bearer first", "Bearer second", "Bearer second", "Bearer second"], api.Authorizations);
        Assert.Equal(3, api.Keys.Distinct().Count());
        Assert.Single(api.Keys.Take(2).Distinct());
        Assert.Equal(3, api.Records.Count);
    }

    [Theory]
    [InlineData(401, "The token has expired.")]
    [InlineData(403, "The token lacks the scope events.write.")]
    public async Task A_second_refusal_is_reported_in_one_line_without_the_token(int status, string detail)
    {
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = _ => false;
        api.Refusal = (status, $$"""{"title":"x","status":{{status}},"detail":"{{detail}}"}""");
        var token = Token("ey.hunter2");
        var file = _client.Write("a.jsonl", SendHarness.Events(3));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--token-file", token, "--concurrency", "1"));

        Assert.Equal($"The API at {api.Url} refuses the token of {token} ({status}): {detail}", _client.Error.Split('\n')[0]);
        Assert.Contains($"--token-file {token} --resume", _client.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.NotDone, await _client.RunAsync("load", "--url", api.Url.ToString(), "--token-file", token, "--duration", "1s"));
        Assert.Contains($"refuses the token of {token} ({status}): {detail}", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", _client.Error + _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unusable_file_keeps_the_previous_token_until_it_is_refused()
    {
        await using var api = await FakeApi.StartAsync();
        var token = Token("first");
        var isExpired = false;
        api.Authorizes = header => header == "Bearer first" && !isExpired;
        api.Before = (_, number) =>
        {
            if (number == 2)
            {
                Token("");
            }

            isExpired = number > 40;
            return Task.FromResult(false);
        };

        var file = _client.Write("a.jsonl", SendHarness.Events(60));
        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--token-file", token, "--rate", "30", "--concurrency", "1"));

        Assert.Equal(40, api.Records.Count);
        Assert.Contains($"nothing can be sent to {api.Url}: the token file {token} is empty.", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "the token file cannot be read: Could not find file '{0}'.")]
    [InlineData("", "the token file {0} is empty.")]
    [InlineData("\n", "the token file {0} is empty.")]
    [InlineData("one\ntwo\n", "the token file {0} has more than one line.")]
    [InlineData("one\n\n", "the token file {0} has more than one line.")]
    [InlineData("Bearer one", "the token file {0} contains no token, which is one line of letters, digits and -._~+/= without spaces and without 'Bearer'.")]
    [InlineData("żółw", "the token file {0} contains no token, which is one line of letters, digits and -._~+/= without spaces and without 'Bearer'.")]
    public async Task An_unusable_token_file_is_named_in_the_error(string? content, string problem)
    {
        var token = content is null ? _client.Path("token") : Token(content);
        var message = string.Format(null, problem, token);

        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("send", _client.Write("a.jsonl", SendHarness.Events(1)), "--token-file", token));

        Assert.StartsWith($"--token-file: {message}\n", _client.Error, StringComparison.Ordinal);
        _client.Options.TokenFile = token;
        var result = new AnnotatedOptions<ClientOptions>(ClientOptions.Section).Validate(null, _client.Options);
        Assert.Equal([$"Client:TokenFile: {message}"], result.Failures);
    }

    [Fact]
    public async Task Secret_and_token_file_exclude_each_other()
    {
        var file = _client.Write("a.jsonl", SendHarness.Events(1));

        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("send", file, "--secret", "s", "--token-file", Token("t")));
        Assert.StartsWith("--secret and --token-file exclude each other", _client.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("load", "--secret", "s", "--token-file", Token("t")));
    }

    private string Token(string content)
    {
        // Replace the file as a sidecar does: a reader sees either the old or the new one.
        var file = _client.Path("token");
        File.WriteAllText(file + ".new", content);
        File.Move(file + ".new", file, overwrite: true);
        return file;
    }
}

using System.Net;
using System.Net.Http.Headers;
using CliWrap;
using CliWrap.Buffered;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>Tokens for Development from the SDK's own tool, which works without any settings.</summary>
public sealed class UserJwtsTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_token_from_the_tool_grants_its_scopes_and_the_tool_changes_no_file_of_the_clone()
    {
        // The tool stores its key in the home directory, and finds the issuer and the audience in the clone.
        var home = Directory.CreateDirectory(_directory.File("home")).FullName;
        var settings = Path.Combine(Repository.Root, "src/RevenueAspire.Api/appsettings.Development.json");
        var before = await File.ReadAllTextAsync(settings);
        var token = await CreateAsync(home, "events.write");
        var own = await CreateAsync(home, "ledger.read.own");
        Assert.Equal(before, await File.ReadAllTextAsync(settings));

        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = ServiceProcess.Start(
            "RevenueAspire.Api", ["--urls=" + url, "--environment=Development", "--EventLog:Directory=" + _directory.File("events")],
            new Dictionary<string, string?> { ["HOME"] = home });
        await process.WaitForUrlAsync(url + "/health");

        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(url, new AuthenticationHeaderValue("Bearer", token)));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(url, new AuthenticationHeaderValue("Bearer", own)));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(url, new AuthenticationHeaderValue("Bearer", token[..^10] + "aaaaaaaaaa")));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(url, new AuthenticationHeaderValue("secret")));
        using var http = new HttpClient();

        // 503 means that access was granted: the answer needs the database, which is missing.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync(new Uri(url + "/userEvents/user1"))).StatusCode);
    }

    private static async Task<string> CreateAsync(string home, string scope)
    {
        var run = await Cli.Wrap("dotnet").WithEnvironmentVariables(variables => variables.Set("HOME", home).Set("DOTNET_CLI_HOME", home))
            .WithArguments(["user-jwts", "create", "--project", Path.Combine(Repository.Root, "src/RevenueAspire.Api"), "--scope", scope, "--output", "token"])
            .WithValidation(CommandResultValidation.None).ExecuteBufferedAsync();
        Assert.True(run.ExitCode == 0, run.StandardOutput + run.StandardError);
        return run.StandardOutput.Trim();
    }

    private static async Task<HttpStatusCode> PostAsync(string url, AuthenticationHeaderValue authorization)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { Authorization = authorization } };
        using var answer = await http.PostAsync(new Uri(url + "/liveEvent"), ApiHost.Body(Sample.Plain, "application/json"));
        return answer.StatusCode;
    }
}

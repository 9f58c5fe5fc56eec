using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Tests.Access;

public sealed class SecretTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("wrong")]
    [InlineData("s3cre")]
    [InlineData("s3crett")]
    [InlineData("S3CRET")]
    [InlineData("Bearer s3cret")]
    [InlineData("s3cret, s3cret")]
    public async Task Without_the_secret_both_calls_are_401_with_a_challenge_and_append_nothing(string? authorization)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        foreach (var answer in new[] { await api.PostEventAsync(Sample.Plain, ("Authorization", authorization)),
            await api.PostEventsAsync(Sample.Plain, ("Authorization", authorization)) })
        {
            answer.ExpectProblem(401, "Authorization");
            Assert.NotNull(answer.Header("WWW-Authenticate"));
            Assert.DoesNotContain("s3cret", answer.Body, StringComparison.Ordinal);
        }

        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task The_secret_twice_is_401()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nAuthorization: s3cret\r\nContent-Length: {Sample.Plain.Length}\r\nConnection: "
                + $"close\r\n\r\n{Sample.Plain}");

        Assert.StartsWith("HTTP/1.1 401", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_secret_is_answered_before_the_body_is_sent()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var connection = await api.ConnectAsync();

        await connection.SendAsync("POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: wrong\r\nContent-Length: 30000000\r\nExpect: 100-continue\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 401", await connection.ReadSomeAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_of_several_secrets_grants_access()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Ingest:Secrets=", "Ingest:Secrets:0=old secret", "Ingest:Secrets:1=new");

        (await api.PostEventAsync(Sample.Plain, ("Authorization", "old secret"))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "new"))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "secret"))).ExpectProblem(401, "Authorization");
    }

    [Fact]
    public async Task In_development_the_default_secret_is_valid_unless_one_is_set()
    {
        await using (var api = await ApiHost.StartAsync(_directory, null, "environment=Development", "Ingest:Secrets="))
        {
            (await api.PostEventAsync(Sample.Plain, ("Authorization", "secret"))).Expect(HttpStatusCode.Accepted);
        }

        await using (var api = await ApiHost.StartAsync(_directory, null, "environment=Development", "Ingest:Secrets=own"))
        {
            (await api.PostEventAsync(Sample.Plain, ("Authorization", "secret"))).ExpectProblem(401, "Authorization");
            (await api.PostEventAsync(Sample.Plain, ("Authorization", "own"))).Expect(HttpStatusCode.Accepted);
        }
    }

    [Fact]
    public async Task Secrets_follow_the_configuration_without_a_restart_and_a_bad_reload_changes_nothing()
    {
        var settings = new Dictionary<string, string?> { ["Ingest:Secrets"] = "first" };
        IConfigurationRoot? configuration = null;
        void Configure(WebApplicationBuilder builder)
        {
            ((IConfigurationBuilder)builder.Configuration).Add(new ReloadableSource(settings));
            configuration = builder.Configuration;
        }

        await using var api = await ApiHost.StartAsync(_directory, null, Configure);
        async Task<int> StatusAsync(string secret) => (await api.PostEventAsync(Sample.Plain, ("Authorization", secret))).Status;
        Assert.Equal((202, 401), (await StatusAsync("first"), await StatusAsync("second")));

        settings["Ingest:Secrets"] = "second";
        configuration!.Reload();
        Assert.Equal((401, 202), (await StatusAsync("first"), await StatusAsync("second")));

        settings["Ingest:Secrets"] = "";
        configuration.Reload();
        Assert.Equal((202, 401), (await StatusAsync("second"), await StatusAsync("")));

        async Task<int> ReadStatusAsync() => (await api.GetAsync("/receipts/x", ("Authorization", null))).Status;
        settings["Ingest:Secrets"] = "second";
        settings["Ingest:ReadSecrets"] = "reader";
        configuration.Reload();
        Assert.Equal(401, await ReadStatusAsync());
        settings["Ingest:ReadSecrets"] = "";
        configuration.Reload();
        Assert.Equal(401, await ReadStatusAsync());
    }

    [Fact]
    public async Task Reads_are_open_until_a_secret_guards_them()
    {
        string receipt;
        await using (var api = await ApiHost.StartAsync(_directory))
        {
            receipt = (await api.PostEventAsync(Sample.Plain)).Receipt!;
            (await api.GetAsync("/receipts/" + receipt, ("Authorization", null))).Expect(HttpStatusCode.OK);
        }

        await using (var api = await ApiHost.StartAsync(_directory, null, "Ingest:ReadSecrets=reader"))
        {
            foreach (var path in new[] { "/receipts/" + receipt, "/userEvents/user1", "/userEvents?userId=user1", "/userEvents/%ff" })
            {
                (await api.GetAsync(path, ("Authorization", null))).ExpectProblem(401, "Authorization");
                (await api.GetAsync(path)).ExpectProblem(401, "Authorization");
            }

            (await api.GetAsync("/receipts/" + receipt, ("Authorization", "reader"))).Expect(HttpStatusCode.OK);
            (await api.PostEventAsync(Sample.Plain, ("Authorization", "reader"))).ExpectProblem(401, "Authorization");
            (await api.GetAsync("/alive", ("Authorization", null))).Expect(HttpStatusCode.OK);
        }
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("with space", true)]
    [InlineData("", false)]
    [InlineData(" a", false)]
    [InlineData("a ", false)]
    [InlineData("ä", false)]
    [InlineData("a\nb", false)]
    public void A_secret_must_fit_in_a_header(string secret, bool usable)
    {
        Assert.Equal(usable, SecretSet.IsUsable(secret));
        Assert.Equal(usable, usable && new SecretSet([secret]).Matches(secret));
    }

    [Fact]
    public void A_secret_has_at_most_256_characters()
    {
        Assert.True(SecretSet.IsUsable(new string('a', 256)));
        Assert.True(new SecretSet([new string('a', 256)]).Matches(new string('a', 256)));
        Assert.False(SecretSet.IsUsable(new string('a', 257)));
        Assert.False(new SecretSet([new string('a', 256)]).Matches(new string('a', 257)));
        Assert.False(new SecretSet(["a"]).Matches("a\0"));
        Assert.False(new SecretSet(["a"]).Matches(StringValues.Empty));
    }
}

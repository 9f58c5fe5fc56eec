using System.Net;
using Npgsql;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Tests.Reads;

public sealed class UserEventsTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Revenue_is_read_from_the_table_as_user_id_and_number()
    {
        var database = await DatabaseWithAsync(("user1", "68"));
        await using var api = await ApiHost.StartAsync(_directory, database);

        Assert.Equal("""{"userId":"user1","revenue":68}""", (await api.GetAsync("/userEvents/user1")).Expect(HttpStatusCode.OK).Body);
        Assert.Equal("""{"userId":"user1","revenue":68}""", (await api.GetAsync("/userEvents?userId=user1")).Expect(HttpStatusCode.OK).Body);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-32")]
    [InlineData("9223372036854775808")]
    [InlineData("-123456789012345678901234567890123456789012345678901234567890")]
    public async Task Revenue_of_any_length_is_a_json_number(string revenue)
    {
        var database = await DatabaseWithAsync(("user1", revenue));
        await using var api = await ApiHost.StartAsync(_directory, database);

        Assert.Equal($$"""{"userId":"user1","revenue":{{revenue}}}""", (await api.GetAsync("/userEvents/user1")).Body);
    }

    [Fact]
    public async Task An_unknown_user_is_404()
    {
        var database = await DatabaseWithAsync(("user1", "1"));
        await using var api = await ApiHost.StartAsync(_directory, database);

        (await api.GetAsync("/userEvents/user2")).ExpectProblem(404, "userId");
        (await api.GetAsync("/userEvents?userId=USER1")).ExpectProblem(404, "userId");
    }

    public static TheoryData<string> UserIds =>
    [
        "a/b", "a%b", "a%2Fb", "a%25b", "😀", "a b", "a+b", "a?b#c&d=e", "ä", "\\", "\"", "..a", "a.", "%", "%zz",
        "'; drop table users_revenue; --", "\u0001", new string('x', 256), "a;b", "a//b", "/", "http://x/y",
    ];

    [Theory]
    [MemberData(nameof(UserIds))]
    public async Task Any_user_id_is_found_in_path_and_query_percent_encoded_once(string userId)
    {
        var database = await DatabaseWithAsync((userId, "7"), ("other", "8"));
        await using var api = await ApiHost.StartAsync(_directory, database);
        var encoded = Uri.EscapeDataString(userId);

        foreach (var target in new[] { "/userEvents/" + encoded, "/userEvents?userId=" + encoded, "/userEvents?x=1&userId=" + encoded + "&y=2" })
        {
            // Send the target unchanged: HttpClient would decode and re-encode some characters.
            var answer = await api.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            Assert.True(answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), $"{target}: {answer}");
            var body = System.Text.Json.JsonDocument.Parse(answer[answer.IndexOf('{', StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)]).RootElement;
            Assert.Equal(userId, body.GetProperty("userId").GetString());
            Assert.Equal(7, body.GetProperty("revenue").GetInt32());
        }
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    public async Task Dots_are_read_by_query_and_never_confused_in_paths(string userId)
    {
        var database = await DatabaseWithAsync((userId, "7"));
        await using var api = await ApiHost.StartAsync(_directory, database);

        Assert.Equal($$"""{"userId":"{{userId}}","revenue":7}""", (await api.GetAsync("/userEvents?userId=" + userId)).Body);
        var raw = await api.SendRawAsync($"GET /userEvents/{userId} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Assert.Matches("^HTTP/1.1 4[0-9][0-9]", raw);
        Assert.Contains("application/problem+json", raw, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decoding_happens_exactly_once()
    {
        var database = await DatabaseWithAsync(("a/b", "1"), ("a%2Fb", "2"), ("a%252Fb", "3"));
        await using var api = await ApiHost.StartAsync(_directory, database);

        Assert.Equal(1, (await api.GetAsync("/userEvents/a%2Fb")).Json.GetProperty("revenue").GetInt32());
        Assert.Equal(2, (await api.GetAsync("/userEvents/a%252Fb")).Json.GetProperty("revenue").GetInt32());
        Assert.Equal(3, (await api.GetAsync("/userEvents?userId=a%25252Fb")).Json.GetProperty("revenue").GetInt32());
    }

    [Theory]
    [InlineData("/userEvents/%ff")]
    [InlineData("/userEvents/%c3%28")]
    [InlineData("/userEvents/%ed%a0%80")]
    [InlineData("/userEvents/a%zz")]
    [InlineData("/userEvents/a%2")]
    [InlineData("/userEvents/a/../b")]
    [InlineData("/userEvents?userId=%ff")]
    [InlineData("/userEvents?userId=%")]
    [InlineData("/userEvents?userId=%00")]
    [InlineData("/userEvents?userId=")]
    [InlineData("/userEvents?userId=a&userId=b")]
    [InlineData("/userEvents?userid")]
    [InlineData("/userEvents")]
    [InlineData("/userEvents/")]
    public async Task A_malformed_user_id_is_400_and_names_the_field(string target)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.Contains("\"field\":\"userId\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_id_of_257_bytes_is_400()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.GetAsync("/userEvents/" + new string('x', 257))).ExpectProblem(400, "userId");
    }

    [Fact]
    public async Task The_absolute_form_of_a_proxy_is_understood()
    {
        var database = await DatabaseWithAsync(("a%b", "7"));
        await using var api = await ApiHost.StartAsync(_directory, database);

        var answer = await api.SendRawAsync("GET http://x:80/userEvents/a%25b?z=1 HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("\"revenue\":7", answer, StringComparison.Ordinal);
    }

    /// <summary>A database with the schema and these balances.</summary>
    private static async Task<string> DatabaseWithAsync(params (string UserId, string Revenue)[] balances)
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var source = NpgsqlDataSource.Create(database);
        await LedgerSchema.ApplyAsync(source, CancellationToken.None);
        foreach (var (userId, revenue) in balances)
        {
            await using var insert = source.CreateCommand("insert into users_revenue (user_id, revenue) values ($1, $2::numeric)");
            insert.Parameters.AddWithValue(userId);
            insert.Parameters.AddWithValue(revenue);
            await insert.ExecuteNonQueryAsync();
        }

        return database;
    }
}

using System.Net;
using RevenueAspire.Ledger;
using RevenueAspire.Ledger.Tests;

namespace RevenueAspire.Api.Tests.History;

public sealed class UserHistoryTests : IDisposable
{
    private const string Noon = "2026-01-31T12:00:00";
    private static readonly long NoonMs = DateTimeOffset.Parse(Noon + "Z", null).ToUnixTimeMilliseconds();
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_events_of_a_balance_are_listed_as_json_and_as_csv()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var log = await ApplyAsync(database, ("a/b", new(0, 0, 98, NoonMs)), ("a/b", new(54, 1, 30, NoonMs + 2125)));
        var range = await database.FreezeAsync(new TestDeltas(("a/b", long.MaxValue)), 1);
        await database.ExecuteAsync($"update event_source set kind = 'file' where source_id = '{range.SourceId}'");
        Assert.True(await PartMerge.MergeAsync(
            database.Source, range.Id, range.Frozen!.Parts[0], new TestDeltas(("a/b", long.MaxValue)), 10, database.History, CancellationToken.None));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        var last = $$"""
            {"time":"{{Noon[..^2]}}02.125Z","name":"subtract_revenue","value":30,"balance":68,"receipt":"{{log:N}}:54"}
            """;
        var first = $$"""{"time":"{{Noon}}Z","name":"add_revenue","value":98,"balance":98,"receipt":"{{log:N}}:0"}""";
        var file = """{"time":null,"name":"add_revenue","value":9223372036854775807,"balance":9223372036854775875,"receipt":null}""";
        const string Head = """{"userId":"a/b","revenue":9223372036854775875,"items":[""";
        foreach (var target in (string[])["/userEvents/a%2Fb/history", "/userHistory?userId=a/b"])
        {
            var whole = (await api.GetAsync(target)).Expect(HttpStatusCode.OK);
            Assert.Equal($$"""{{Head}}{{file}},{{last}},{{first}}],"opening":0,"retainedFrom":null,"next":null}""", whole.Body);
            Assert.Equal(("application/json", "Accept"), (whole.Header("Content-Type"), whole.Header("Vary")));
        }

        var part = (await api.GetAsync("/userHistory?userId=a/b&limit=2")).Expect(HttpStatusCode.OK);
        var next = part.Json.GetProperty("next").GetString();
        Assert.Equal($$"""{{Head}}{{file}},{{last}}],"opening":98,"retainedFrom":null,"next":"{{next}}"}""", part.Body);
        Assert.Equal(
            $$"""{{Head}}{{first}}],"opening":0,"retainedFrom":null,"next":null}""",
            (await api.GetAsync($"/userEvents/a%2Fb/history?limit=2&after={next}")).Body);
        Assert.Equal(
            $$"""{{Head}}{{last}}],"opening":98,"retainedFrom":null,"next":null}""",
            (await api.GetAsync($"/userEvents/a%2Fb/history?from={Noon}.001Z&to=2026-01-31T13:00:03%2B01:00")).Body);

        var csv = (await api.GetAsync("/userEvents/a%2Fb/history", ("Accept", "text/csv"))).Expect(HttpStatusCode.OK);
        Assert.Equal(
            "time,name,value,balance,receipt\r\n,add_revenue,9223372036854775807,9223372036854775875,\r\n"
                + $"{Noon[..^2]}02.125Z,subtract_revenue,30,68,{log:N}:54\r\n"
                + $"{Noon}Z,add_revenue,98,98,{log:N}:0\r\n",
            csv.Body);
        Assert.Equal(("text/csv; charset=utf-8", "attachment; filename=\"history.csv\""), (csv.Header("Content-Type"), csv.Header("Content-Disposition")));
        Assert.Equal(2, (await api.GetAsync("/userHistory?userId=a/b&limit=1", ("Accept", "text/csv, */*;q=0.1"))).Body.Split("\r\n").Length - 1);
        Assert.Equal(
            "application/json", (await api.GetAsync("/userHistory?userId=a/b", ("Accept", "application/json, text/csv;q=0.5"))).Header("Content-Type"));
    }

    [Fact]
    public async Task Csv_contains_the_whole_list_of_any_length_and_no_cell_is_a_formula()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var writer = await LedgerHistory.EnableAsync(
            database.Source, new SortedDictionary<string, int> { ["=HYPERLINK(\"x\",\"y\")"] = 1 }, CancellationToken.None);
        var source = await database.OpenLogAsync();
        Assert.True(await LiveApply.TryApplyAsync(
            database.Source, source.Id, 0, 5000,
            new EventDeltas(Enumerable.Range(0, 2500).Select(i => ("a", new AppliedEvent(i, 0, -i, NoonMs + i)))), [], 1, 1,
            default, default, null, writer, CancellationToken.None));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        var lines = (await api.GetAsync("/userHistory?userId=a", ("Accept", "text/csv"))).Expect(HttpStatusCode.OK).Body.Split("\r\n")[1..^1];

        Assert.Equal(2500, lines.Length);
        for (var i = 0; i < lines.Length; i++)
        {
            var offset = 2499 - i;
            Assert.EndsWith(
                $"Z,\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\",{-offset},{-(offset * (offset + 1L) / 2)},{source.Id:N}:{offset}", lines[i], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_csv_export_whose_rest_retention_removes_ends_without_its_end()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        const int Events = 200_000;
        Assert.True(await database.ApplyAsync(
            source.Id, 0, Events, new EventDeltas(Enumerable.Range(0, Events).Select(i => ("a", new AppliedEvent(i, 0, 1, NoonMs + i)))), [], 1, 1));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/userHistory?userId=a") { Headers = { { "Accept", "text/csv" } } };
        using var response = await api.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await using var body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[1000]);

        // The export waits for this client after a few megabytes, with more than half of the list unread.
        var now = DateTimeOffset.UtcNow;
        Assert.Equal((1, 0), await HistoryPartitions.RotateAsync(database.Source, TimeSpan.FromDays(2), now.AddDays(1.5), CancellationToken.None));
        await Eventually.IsTrueAsync(async () =>
            (await HistoryPartitions.RotateAsync(database.Source, TimeSpan.FromDays(2), now.AddDays(9), CancellationToken.None)).Dropped == 1);

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null));
        Assert.Empty((await api.GetAsync("/userHistory?userId=a")).Expect(HttpStatusCode.OK).Json.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_role_without_rights_on_the_history_is_named_in_the_log_and_the_balance_stays_readable()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await ApplyAsync(database, ("a", new(0, 0, 1, NoonMs)));
        var role = "reader_" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync(
            $"create role {role} login password 'role'; grant select, update on event_source, event_range, event_part, users_revenue to {role}");
        try
        {
            var connection = new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "role" }.ConnectionString;
            await using var api = await ApiHost.StartAsync(_directory, connection);
            var balance = await Eventually.GetAsync(async () => await api.GetAsync("/userEvents/a") is { Status: 200 } answer ? answer : null);
            Assert.Equal("""{"userId":"a","revenue":1}""", balance.Body);
            (await api.GetAsync("/userHistory?userId=a")).ExpectProblem(503, null);
            (await api.GetAsync("/revenue?step=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")).ExpectProblem(503, null);
        }
        finally
        {
            await database.ExecuteAsync($"drop owned by {role}; drop role {role}");
        }
    }

    [Theory]
    [InlineData("from=yesterday", "from")]
    [InlineData("from=2026-01-31", "from")]
    [InlineData("from=2026-01-31T12:00:00", "from")]
    [InlineData("from=2026-02-30T12:00:00Z", "from")]
    [InlineData("from=2026-01-31T12:00:00Z&from=2026-01-31T12:00:00Z", "from")]
    [InlineData("from=", "from")]
    [InlineData("to=2026-01-31T12:00:00%ff", "to")]
    [InlineData("to=1767225600", "to")]
    [InlineData("from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z", "from")]
    [InlineData("from=2026-01-31T12:00:01Z&to=2026-01-31T13:00:00%2B01:00", "from")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=1.5", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("limit=99999999999999999999", "limit")]
    [InlineData("after=x", "after")]
    [InlineData("after=AgAAAQAAAAAqAAA", "after")]
    [InlineData("after=AQAAAQAAAAAqAAA", "after")]
    [InlineData("after=AQAAAQAAAAAqAAA&after=AQAAAQAAAAAqAAA", "after")]
    public async Task A_wrong_parameter_is_400_and_is_named(string query, string field)
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await ApplyAsync(database, ("a", new(0, 0, 1, NoonMs)));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        (await api.GetAsync("/userEvents/a/history?" + query, ("Accept", "text/csv"))).ExpectProblem(400, field);
    }

    [Theory]
    [InlineData("2026-01-31T12:00:00Z")]
    [InlineData("2026-01-31t12:00:00z")]
    [InlineData("2026-01-31T12:00:00.0000000Z")]
    [InlineData("2026-01-31T13:00:00+01:00")]
    [InlineData("2026-01-31T13:00:00%2B01:00")]
    [InlineData("2026-01-31T11:00:00-01:00")]
    [InlineData("0001-01-01T00:00:00Z")]
    public async Task A_time_has_any_form_of_RFC_3339(string time)
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await ApplyAsync(database, ("a", new(0, 0, 1, NoonMs)));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);

        var answer = (await api.GetAsync($"/userEvents/a/history?from={time}&to=9999-12-31T23:59:59Z")).Expect(HttpStatusCode.OK);
        Assert.Equal(1, answer.Json.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Without_a_history_or_the_user_the_answer_is_404_and_a_dropped_range_is_410()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await ApplyAsync(database, ("a", new(0, 0, 1, NoonMs)));
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString);
        foreach (var target in (string[])["/userEvents/a/history", "/userHistory?userId=a",
            "/revenue?step=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"])
        {
            var off = await Eventually.GetAsync(async () => await api.GetAsync(target) is { Status: not 503 } answer ? answer : null);
            Assert.Equal(
                "history: this installation keeps no history (History:Enabled).", off.ExpectProblem(404, "history").Json.GetProperty("detail").GetString());
        }

        await database.EnableHistoryAsync();
        (await api.GetAsync("/userEvents/b/history")).ExpectProblem(404, "userId");
        (await api.GetAsync("/userEvents//history")).ExpectProblem(404, null);
        (await api.GetAsync("/userHistory")).ExpectProblem(400, "userId");
        (await api.GetAsync("/userEvents/%ff/history")).ExpectProblem(400, "userId");
        (await api.GetAsync("/userEvents/" + new string('x', 257) + "/history")).ExpectProblem(400, "userId");
        await database.ExecuteAsync("update history_state set retained_from = '2026-01-31T12:00:00.5Z'");
        var dropped = (await api.GetAsync($"/userEvents/a/history?from={Noon}Z")).ExpectProblem(410, "from");
        Assert.Equal($"from: the history begins at {Noon}.5Z; older events were removed (History:Retain).", dropped.Json.GetProperty("detail").GetString());
        (await api.GetAsync($"/userEvents/a/history?to={Noon}Z")).ExpectProblem(410, "to");
        (await api.GetAsync($"/userEvents/a/revenue?step=hour&from={Noon}Z&to=2026-01-31T13:00:00Z")).ExpectProblem(410, "from");
        Assert.Equal(Noon + ".5Z", (await api.GetAsync("/userEvents/a/history")).Json.GetProperty("retainedFrom").GetString());
    }

    [Fact]
    public async Task Reading_the_history_requires_the_right_to_read_the_balance()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await ApplyAsync(database, ("user1", new(0, 0, 1, NoonMs)), ("user2", new(9, 0, 1, NoonMs)), ("history", new(19, 0, 1, NoonMs)));
        var key = TokenKey.Rsa("1");
        await using var identity = await IdentityHost.StartAsync(key);
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString, [.. identity.Settings, "Ingest:ReadSecrets:0=reader"]);
        const string Steps = "step=hour&from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00Z";
        async Task<int> StatusAsync(string target, string? authorization) => (await api.GetAsync(target, ("Authorization", authorization))).Status;

        string[] own = ["/userEvents/user1/history", "/userHistory?userId=user1", $"/userEvents/user1/revenue?{Steps}", $"/userRevenue?userId=user1&{Steps}"];
        string[] others = ["/userEvents/user2/history", "/userHistory?userId=user2", $"/userEvents/user2/revenue?{Steps}", $"/userRevenue?userId=user2&{Steps}",
            "/userEvents/history/history", "/userEvents/history/history?userId=user1", $"/revenue?{Steps}"];
        foreach (var target in (string[])[.. own, .. others])
        {
            Assert.Equal(401, await StatusAsync(target, null));
            Assert.Equal(401, await StatusAsync(target, ApiHost.Secret));
            Assert.Equal(200, await StatusAsync(target, "reader"));
            Assert.Equal(200, await StatusAsync(target, "Bearer " + key.Sign("ledger.read")));
            Assert.Equal(403, await StatusAsync(target, "Bearer " + key.Sign("events.write")));
            Assert.Equal(own.Contains(target) ? 200 : 403, await StatusAsync(target, "Bearer " + key.Sign("ledger.read.own")));
        }
    }

    private static async Task<Guid> ApplyAsync(LedgerDatabase database, params (string, AppliedEvent)[] events)
    {
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, new EventDeltas(events), [], events.Length, events.Length));
        return source.Id;
    }
}

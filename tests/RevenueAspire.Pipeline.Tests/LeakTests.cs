using System.Net;
using System.Text;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Neither the callers' secrets nor the database's password appear in output, telemetry, answers, or files.</summary>
public sealed class LeakTests
{
    private const string Password = "database-password-that-leaks";
    private const string WrongSecret = "wrong-secret-that-leaks";
    private const string ReadSecret = "read-secret-that-leaks";

    [Fact]
    public async Task Secrets_and_passwords_are_in_no_output_export_answer_or_file()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        var role = "leak_" + Guid.NewGuid().ToString("N");
        await ExecuteAsync(database, $"create role {role} login superuser password '{Password}'");
        await using var collector = new OtlpCollector();
        var said = new List<(string Where, byte[] Bytes)>();
        try
        {
            await using var installation =
                new Installation(new NpgsqlConnectionStringBuilder(database) { Username = role, Password = Password }.ConnectionString);
            collector.Attach(installation);
            installation.Settings["Logging__LogLevel__Default"] = "Debug";
            installation.Settings["OTEL_TRACES_SAMPLER"] = "always_on";
            installation.Settings["Ingest__ReadSecrets__0"] = ReadSecret;
            var file = EventFile.Write(installation.File("events.jsonl"), Seed.Random(nameof(LeakTests)), 200, users: 5, badEvery: 5);
            var api = await installation.StartApiAsync();
            var processor = installation.StartProcessor();

            // This processor's database does not exist; it must give up with a readable message.
            var lost = installation.Start("RevenueAspire.Processor",
                new Dictionary<string, string?>
                {
                    ["ConnectionStrings__revenuedb"] = $"Host=127.0.0.1;Port={FreePort.Next()};Username=postgres;Password={Password};Database=x",
                });
            var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--batch", "20");
            var wrong = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--secret", WrongSecret);
            Assert.Equal((3, 1), (send.ExitCode, wrong.ExitCode));
            await Eventually.IsTrueAsync(async () => (await installation.LedgerAsync()).DifferenceTo(file.Totals).Length == 0);
            using var http = new HttpClient { BaseAddress = new Uri(installation.ApiUrl) };
            foreach (var (path, secret) in new[] { ("/health", ""), ("/alive", ""), ("/openapi/v1.json", ""), ("/receipts/x", ReadSecret),
                ("/userEvents/user1", ReadSecret), ("/userEvents/user1", WrongSecret), ("/nowhere", WrongSecret) })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.TryAddWithoutValidation("Authorization", secret);
                said.Add((path, await AnswerAsync(http, request)));
            }

            foreach (var (path, body) in new[] { ("/liveEvent", "{"), ("/liveEvents", "{"), ("/liveEvent", new string('x', 100_000)) })
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
                request.Headers.TryAddWithoutValidation("Authorization", Installation.Secret);
                said.Add((path, await AnswerAsync(http, request)));
            }

            foreach (var process in new[] { processor, lost, api })
            {
                Assert.Equal(0, await process.TerminateAsync());
            }

            said.AddRange(
                new[] { api, processor, lost, send, wrong }.Select(process => ("the output of process " + process.Id, Encoding.UTF8.GetBytes(process.Output))));
            said.AddRange(Directory.EnumerateFiles(installation.File("."), "*", SearchOption.AllDirectories).Select(path => (path, File.ReadAllBytes(path))));
        }
        finally
        {
            await ExecuteAsync(database, $"reassign owned by {role} to current_user; drop role {role}");
        }

        said.AddRange(collector.Received.Select(body => ("an export", body)));
        Assert.Contains(said, one => one.Where == "an export" && one.Bytes.AsSpan().IndexOf("RevenueAspire.Api"u8) >= 0);

        // Each kind of request, accepted or refused, must have a span. Otherwise the test would not have checked the traces.
        foreach (var span in new[] { "POST /liveEvent", "POST /liveEvents", "GET /userEvents/{userid}" })
        {
            Assert.Contains(said, one => one.Where == "an export" && one.Bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(span)) >= 0);
        }

        foreach (var secret in new[] { Installation.Secret, Password, WrongSecret, ReadSecret }.Select(Encoding.UTF8.GetBytes))
        {
            var leaks = said.Where(one => one.Bytes.AsSpan().IndexOf(secret) >= 0).Select(one => $"{one.Where}: {Encoding.Latin1.GetString(one.Bytes)}");
            Assert.Empty(leaks);
        }
    }

    private static async Task<byte[]> AnswerAsync(HttpClient http, HttpRequestMessage request)
    {
        using var response = await http.SendAsync(request);
        return Encoding.UTF8.GetBytes($"{response}\n{await response.Content.ReadAsStringAsync()}");
    }

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}

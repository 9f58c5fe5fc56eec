using System.Net;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Rotates secrets by editing the settings file of a running API, as docs/operations.md describes.</summary>
public sealed class SecretRotationTests
{
    [Fact]
    public async Task Secrets_follow_the_settings_file_and_an_unusable_file_changes_nothing()
    {
        await using var installation = Installation.WithoutDatabase();
        var program = CopyApi(installation.File("api"));
        var settings = Path.Combine(program, "appsettings.json");
        Write(settings, Secrets("old"));
        await using var api = installation.Start(
            Path.Combine(program, "RevenueAspire.Api.dll"),
            new Dictionary<string, string?> { ["Ingest__Secrets__0"] = null, ["ASPNETCORE_URLS"] = installation.ApiUrl });
        await api.WaitForUrlAsync(installation.ApiUrl + "/health");
        Assert.Equal(["old"], await AcceptedAsync(installation));

        // Rotate the secret: configure both secrets, then only the new one. Write the file once in place, and replace it once, as some editors do.
        Write(settings, Secrets("old", "new"));
        await Eventually.EqualsAsync("old new", async () => string.Join(' ', await AcceptedAsync(installation)));
        Write(settings + ".new", Secrets("new"));
        File.Move(settings + ".new", settings, overwrite: true);
        await Eventually.EqualsAsync("new", async () => string.Join(' ', await AcceptedAsync(installation)));

        // Make three errors. The API must report the cause of each.
        Write(settings, """{ "Ingest": { "Secrets": ["other" """);
        await api.WaitForLineAsync("The changed settings file appsettings.json cannot be read; the previous secrets stay in force");
        Write(settings, Secrets(""));
        await api.WaitForLineAsync("an entry that no header can carry");
        File.Delete(settings);
        await api.WaitForLineAsync("Ingest:Secrets is not set");
        Assert.Equal(["new"], await AcceptedAsync(installation));
        Write(settings, Secrets("other"));
        await Eventually.EqualsAsync("other", async () => string.Join(' ', await AcceptedAsync(installation)));

        Assert.Equal(0, await api.TerminateAsync(TimeSpan.FromSeconds(20)));
        Assert.DoesNotContain("   at ", api.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deleted_settings_file_does_not_open_protected_reads()
    {
        await using var installation = Installation.WithoutDatabase();
        var program = CopyApi(installation.File("api"));
        var settings = Path.Combine(program, "appsettings.json");
        Write(settings, """{ "Ingest": { "ReadSecrets": ["reader"] } }""");
        await using var api = installation.Start(Path.Combine(program, "RevenueAspire.Api.dll"));
        await api.WaitForUrlAsync(installation.ApiUrl + "/health");
        File.Delete(settings);
        await api.WaitForLineAsync("Ingest:ReadSecrets is missing");
        using var answer = await installation.Http.GetAsync(new Uri("/receipts/x", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    private static string Secrets(params string[] secrets) => JsonSerializer.Serialize(new { Ingest = new { Secrets = secrets } });

    private static void Write(string path, string text) => File.WriteAllText(path, text, new UTF8Encoding(false));

    /// <summary>Copies the API's program folder, because all tests share the build's output folder.</summary>
    private static string CopyApi(string to)
    {
        var from = Path.GetDirectoryName(Repository.Executable("RevenueAspire.Api"))!;
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return to;
    }

    /// <summary>The secrets that the API accepts.</summary>
    private static async Task<List<string>> AcceptedAsync(Installation installation)
    {
        var accepted = new List<string>();
        foreach (var secret in (string[])["old", "new", "other"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, installation.ApiUrl + "/liveEvent")
            {
                Content = new StringContent("""{"userId":"user1","name":"add_revenue","value":1}""", Encoding.UTF8, "application/json"),
            };
            request.Headers.TryAddWithoutValidation("Authorization", secret);
            using var http = new HttpClient();
            using var answer = await http.SendAsync(request);
            if (answer.StatusCode == HttpStatusCode.Accepted)
            {
                accepted.Add(secret);
            }
        }

        return accepted;
    }
}

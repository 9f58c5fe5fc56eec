using System.IO.Compression;
using System.Text.Json;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.CommandLine;

/// <summary>Standard input and gzip: the same content counts once (rule M10) in any form.</summary>
public sealed class PackedInputTests
{
    private const string Program = "RevenueAspire.Processor";

    [Fact]
    public async Task M10_the_same_events_plain_compressed_and_piped_count_once()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(new Random(5), 3000, 200, badEvery: 100);
        var packed = ledger.Write("events.txt", Gzip.Compress(file.Bytes));

        Assert.Equal("counted", (await ProcessAsync(ledger, null, packed)).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(packed, await ledger.ScalarAsync<string>("select name from event_source"));

        // Different compression gives different bytes for the same events. Two consecutive members are one content.
        var half = file.Bytes.Length / 2;
        byte[] members = [.. Gzip.Compress(file.Bytes[..half], CompressionLevel.NoCompression), .. Gzip.Compress(file.Bytes[half..])];
        Assert.Equal("already counted", (await ProcessAsync(ledger, null, ledger.Write("two-members", members))).Result);
        Assert.Equal("already counted", (await ProcessAsync(ledger, file.Bytes, "-")).Result);
        Assert.Equal("already counted", (await ProcessAsync(ledger, Gzip.Compress(file.Bytes), "-")).Result);
        Assert.Equal("already counted", (await ProcessAsync(ledger, null, ledger.Write("plain.jsonl", file.Bytes))).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(1, await ledger.CountAsync("event_source"));
        Assert.Empty(Directory.GetFiles(ledger.Folder.File("spool")));
    }

    [Fact]
    public async Task Verify_reads_a_gzip_file_and_asks_for_content_from_standard_input()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var packed = ledger.Write("packed", Gzip.Compress(new EventFile().Add("a", 1).Bytes));
        await ProcessAsync(ledger, null, packed);
        Assert.Equal(0, (await RunAsync(ledger, null, "verify")).ExitCode);

        // Standard input stores no path, and keeps a known path.
        await ProcessAsync(ledger, new EventFile().Add("a", 1).Bytes, "-");
        Assert.Equal(0, (await RunAsync(ledger, null, "verify")).ExitCode);
        await ProcessAsync(ledger, new EventFile().Add("a", 1).Bytes, "-", "--again");
        Assert.Equal(0, (await RunAsync(ledger, null, "verify")).ExitCode);

        var piped = new EventFile().Add("b", 2).Bytes;
        Assert.Equal("counted", (await ProcessAsync(ledger, piped, "-")).Result);
        var asks = await RunAsync(ledger, null, "verify");
        Assert.Equal(1, asks.ExitCode);
        Assert.Contains("standard input", Assert.Single(asks.StandardError), StringComparison.Ordinal);
        await ProcessAsync(ledger, null, ledger.Write("kept", piped));
        Assert.Equal(0, (await RunAsync(ledger, null, "verify")).ExitCode);
    }

    [Fact]
    public async Task Nothing_in_an_incomplete_gzip_file_counts_and_the_other_files_are_processed()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var good = new EventFile().Add("a", 1);
        var whole = Gzip.Compress(EventFile.Random(new Random(6), 500, 50).Bytes);
        var flipped = whole.ToArray();
        flipped[whole.Length / 2] ^= 1;
        byte[][] bad = [whole[..^1], whole[..(whole.Length / 2)], whole[..10], flipped, [.. whole, 0x1f, 0x8b], [.. whole, (byte)'x']];
        for (var i = 0; i < bad.Length; i++)
        {
            var run = await RunAsync(ledger, null, "process", ledger.Write("bad.gz", bad[i]), ledger.Write("good.jsonl", good.Bytes), "--json");
            Assert.True(run.ExitCode == 1, $"{i}: {run.Output}");
            using var json = JsonDocument.Parse(string.Concat(run.StandardOutput));
            Assert.Contains("not a complete gzip file", json.RootElement.GetProperty("errors")[0].GetString(), StringComparison.Ordinal);
            Assert.Equal(1, json.RootElement.GetProperty("files").GetArrayLength());
        }

        await ledger.AssertBalancesAsync(good);
    }

    [Fact]
    public async Task A_file_of_another_format_is_refused_and_names_are_printed_without_control_characters()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var lines = new EventFile().Add("a", 1).Add("b", 2).Bytes;
        var zip = ledger.Folder.File("b\u001b[31m\n.zip");
        await using (var archive = await ZipFile.OpenAsync(zip, ZipArchiveMode.Create))
        await using (var entry = await archive.CreateEntry("x", CompressionLevel.NoCompression).OpenAsync())
        {
            await entry.WriteAsync(lines);
        }

        var refused = await RunAsync(ledger, null, "process", zip);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("b\\u001b[31m\\n.zip: a zip archive: no line was counted.", Assert.Single(refused.StandardError), StringComparison.Ordinal);
        Assert.Equal(0, await ledger.CountAsync("users_revenue"));

        var tail = await RunAsync(ledger, null, "process", ledger.Write("tail.jsonl", [.. lines, .. new byte[4096]]));
        Assert.Equal(3, tail.ExitCode);
        Assert.Contains("ends in zero bytes", Assert.Single(tail.StandardError), StringComparison.Ordinal);
        Assert.Equal(2, await ledger.CountAsync("users_revenue"));
        Assert.Equal("already counted", (await ProcessAsync(ledger, null, ledger.Write("padded.gz", [.. Gzip.Compress(lines), .. new byte[512]]))).Result);
    }

    [Fact]
    public async Task Json_is_one_object_on_standard_output_with_the_documented_fields()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("some.jsonl", new EventFile().Add("a", 1).Reject("oops").Bytes);
        var process = await RunAsync(ledger, null, "process", path, ledger.Folder.File("none"), "--json");
        Assert.Equal(1, process.ExitCode);
        using (var json = JsonDocument.Parse(Assert.Single(process.StandardOutput)))
        {
            Assert.Equal(["exitCode", "files", "errors"], json.RootElement.EnumerateObject().Select(field => field.Name));
            var file = json.RootElement.GetProperty("files")[0];
            Assert.Equal(["file", "result", "events", "users", "usersAreExact", "rejected", "unfinishedLine", "bytes", "seconds"],
                file.EnumerateObject().Select(field => field.Name));
            Assert.Equal((path, "counted", 1, 1),
                (file.GetProperty("file").GetString(), file.GetProperty("result").GetString(), file.GetProperty("events").GetInt32(),
                file.GetProperty("rejected").GetInt32()));
        }

        await using (var change = ledger.Database.CreateCommand("update users_revenue set revenue = 123456789012345678901234567890"))
        {
            await change.ExecuteNonQueryAsync();
        }

        var verify = await RunAsync(ledger, null, "verify", "--json");
        Assert.Equal(3, verify.ExitCode);
        using (var json = JsonDocument.Parse(Assert.Single(verify.StandardOutput)))
        {
            Assert.Equal(["exitCode", "users", "sources", "differing", "differences", "totals", "errors", "results", "unchecked", "history"],
                json.RootElement.EnumerateObject().Select(field => field.Name));
            var difference = json.RootElement.GetProperty("differences")[0];
            Assert.Equal(("a", "123456789012345678901234567890", "1"),
                (difference.GetProperty("userId").GetString(), difference.GetProperty("table").GetRawText(), difference.GetProperty("events").GetRawText()));
        }
    }

    [Fact]
    public async Task Standard_input_named_twice_is_wrong_usage() => Assert.Equal(2, (await RunAsync(null, [], "process", "--dry-run", "-", "-")).ExitCode);

    private static async Task<(int Code, string? Result)> ProcessAsync(LedgerFixture ledger, byte[]? input, params string[] arguments)
    {
        await using var run = await RunAsync(ledger, input, ["process", .. arguments, "--json"]);
        using var json = JsonDocument.Parse(Assert.Single(run.StandardOutput));
        Assert.Equal(run.ExitCode, json.RootElement.GetProperty("exitCode").GetInt32());
        return (run.ExitCode, json.RootElement.GetProperty("files")[0].GetProperty("result").GetString());
    }

    private static Task<ServiceProcess> RunAsync(LedgerFixture? ledger, byte[]? input, params string[] arguments)
    {
        using var own = new TempDirectory();
        return ServiceProcess.RunAsync(
            Program,
            arguments,
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__revenuedb"] = ledger?.ConnectionString,
                ["Data__Directory"] = ledger?.Folder.Path ?? own.Path
            },
            input: input);
    }
}

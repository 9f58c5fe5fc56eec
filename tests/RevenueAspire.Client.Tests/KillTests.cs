using System.Globalization;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>kill -9 at random points of a real <c>send</c> to the real API, then <c>--resume</c>: each line is in the log exactly once.</summary>
public sealed class KillTests : IAsyncDisposable
{
    private const int Lines = 4000;
    private const int BytesPerLine = 150;

    private readonly TempDirectory _directory = new();
    private readonly RealApi _api;

    public KillTests() => _api = new RealApi(_directory.File("data"));

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(7, 3)]
    [InlineData(400, 2)]
    public async Task A_killed_and_resumed_send_neither_loses_nor_repeats_a_line(int batch, int kills)
    {
        var random = Seed.Random($"kill send {batch}");
        await _api.StartAsync();
        var (file, good, bad) = WriteFile(random);
        var resume = false;
        for (var i = 0; i < kills; i++)
        {
            await using var send = Start(file, batch, resume);
            var target = _api.DurableMark() + random.Next(Lines * BytesPerLine / (kills + 1));
            await Eventually.IsTrueAsync(
                () => send.HasExited || (_api.DurableMark() > target && Journals().Length > 0), goal: $"a log beyond {target} ({Seed.Hint})");
            await Task.Delay(random.Next(30));
            await send.KillAsync();
            resume = Journals().Length > 0;
        }

        await FinishAsync(file, batch);
        AssertOnce(good, bad, file);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(50)]
    public async Task Resume_after_a_kill_is_refused_if_the_file_was_edited_in_the_open_window(int batch)
    {
        await _api.StartAsync();
        var (file, _, _) = WriteFile(new Random(3));
        await using (var send = Start(file, batch, resume: false))
        {
            await Eventually.IsTrueAsync(() => send.HasExited || (Journals().Length > 0 && _api.DurableMark() > BytesPerLine * 50));
            await send.KillAsync();
        }

        // Insert a byte near the end, where no line can be answered yet. It would shift every later key.
        var text = File.ReadAllText(file);
        File.WriteAllText(file, text.Insert(text.LastIndexOf("\"value\":", StringComparison.Ordinal), " "));
        var before = _api.DurableMark();
        await using var resumed = await ServiceProcess.RunAsync("RevenueAspire.Client", Arguments(file, batch, resume: true), Environment);

        Assert.Equal(1, resumed.ExitCode);
        Assert.Contains("has changed since", Assert.Single(resumed.StandardError), StringComparison.Ordinal);
        Assert.Equal(before, _api.DurableMark());
    }

    [Fact]
    public async Task A_send_continues_after_the_api_is_killed_and_restarted()
    {
        var random = Seed.Random("kill api");
        await _api.StartAsync();
        var (file, good, bad) = WriteFile(random);
        await using var send = Start(file, 0, resume: false);
        for (var i = 0; i < 2; i++)
        {
            var target = _api.DurableMark() + random.Next(Lines * BytesPerLine / 4);
            await Eventually.IsTrueAsync(() => send.HasExited || _api.DurableMark() > target, goal: $"a log beyond {target} ({Seed.Hint})");
            await _api.KillAsync();
            await _api.StartAsync();
        }

        Assert.Equal(3, await send.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        AssertOnce(good, bad, file);
    }

    [Fact]
    public async Task Single_events_and_batches_are_accepted_and_rejected_as_by_the_real_api()
    {
        await _api.StartAsync();
        string[] lines = [.. Enumerable.Range(0, 1500).Select(i => i % 3 == 0 ? Line(i) : $"bad {i}")];
        foreach (var batch in new[] { 0, 500 })
        {
            var file = _directory.File($"both{batch}.jsonl");
            File.WriteAllLines(file, lines);
            await using var send = await ServiceProcess.RunAsync("RevenueAspire.Client", Arguments(file, batch, resume: false), Environment);

            Assert.True(send.ExitCode == 3, send.Output);
            Assert.Equal(lines.Where(line => line[0] != '{'), File.ReadAllLines(file + ".rejected.jsonl"));
        }

        Assert.Equal(1000, _api.Records().Length);
    }

    [Fact]
    public async Task Resume_is_refused_if_the_real_api_has_forgotten_the_keys()
    {
        await _api.StartAsync(new Dictionary<string, string?> { ["EventLog__KeyWindow"] = "100" });
        var (file, _, _) = WriteFile(new Random(1));
        await using (var send = Start(file, 0, resume: false))
        {
            await Eventually.IsTrueAsync(() => send.HasExited || (Journals().Length > 0 && _api.DurableMark() > BytesPerLine * 50));
            await send.KillAsync();
        }

        var other = _directory.File("other.jsonl");
        File.WriteAllLines(other, Enumerable.Range(0, 500).Select(Line));
        await using (var send = await ServiceProcess.RunAsync("RevenueAspire.Client", Arguments(other, 0, resume: false), Environment))
        {
            Assert.True(send.ExitCode == 0, send.Output);
        }

        var before = _api.DurableMark();
        await using var resumed = await ServiceProcess.RunAsync("RevenueAspire.Client", Arguments(file, 0, resume: true), Environment);

        Assert.Equal(1, resumed.ExitCode);
        Assert.Contains("the API no longer remembers the keys of its open requests", Assert.Single(resumed.StandardError), StringComparison.Ordinal);
        Assert.Equal(before, _api.DurableMark());
    }

    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Hangup)]
    public async Task A_stop_signal_saves_progress_and_prints_the_command_to_continue(Signal signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        await _api.StartAsync();
        var (file, good, bad) = WriteFile(new Random(2));
        await using (var send = Start(file, 0, resume: false))
        {
            await Eventually.IsTrueAsync(() => send.HasExited || (Journals().Length > 0 && _api.DurableMark() > BytesPerLine * 50));
            send.Send(signal);
            Assert.Equal(1, await send.WaitForExitAsync());
            Assert.Contains("Stopped.", send.StandardError);
            Assert.Contains(
                send.StandardError,
                line => line.Contains($"Continue with: RevenueAspire.Client send {file} --url {_api.Url} --resume", StringComparison.Ordinal));
        }

        await FinishAsync(file, 0);
        AssertOnce(good, bad, file);
    }

    [Fact]
    public async Task A_send_with_nohup_continues_after_the_terminal_closes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs env --ignore-signal.");
        await _api.StartAsync();
        var (file, good, bad) = WriteFile(new Random(4));
        await using var send = ServiceProcess.Start("RevenueAspire.Client", Arguments(file, 0, resume: false), Environment, ignoresHangup: true);
        await Eventually.IsTrueAsync(() => send.HasExited || (Journals().Length > 0 && _api.DurableMark() > BytesPerLine * 50));
        Assert.False(send.HasExited);

        send.Send(Signal.Hangup);

        Assert.True(await send.WaitForExitAsync(TimeSpan.FromSeconds(60)) == 3, send.Output);
        AssertOnce(good, bad, file);
    }

    private IReadOnlyDictionary<string, string?> Environment => new Dictionary<string, string?> { ["Data__Directory"] = _directory.File("client-data") };

    private string[] Journals() =>
        Directory.Exists(_directory.File("client-data/client")) ? Directory.GetFiles(_directory.File("client-data/client"), "send-*.json") : [];

    private ServiceProcess Start(string file, int batch, bool resume) =>
        ServiceProcess.Start("RevenueAspire.Client", Arguments(file, batch, resume), Environment);

    private string[] Arguments(string file, int batch, bool resume) =>
        [
            "send", file, "--url", _api.Url.ToString(), "--concurrency", "8",
            .. batch == 0 ? (string[])[] : ["--batch", $"{batch}"],
            .. resume ? (string[])["--resume"] : [],
        ];

    private async Task FinishAsync(string file, int batch)
    {
        await using var last = await ServiceProcess.RunAsync(
            "RevenueAspire.Client", Arguments(file, batch, resume: true), Environment, limit: TimeSpan.FromSeconds(60));
        Assert.True(last.ExitCode == 3, $"{Seed.Hint}\n{last.Output}");
    }

    private (string File, List<int> Good, List<string> Bad) WriteFile(Random random)
    {
        var file = _directory.File("events.jsonl");
        var good = new List<int>();
        var bad = new List<string>();
        using var writer = new StreamWriter(file);
        for (var i = 0; i < Lines; i++)
        {
            var kind = random.Next(40);
            if (kind == 0)
            {
                bad.Add($"bad line {i}");
                writer.Write(bad[^1] + "\n");
                continue;
            }

            good.Add(i);
            writer.Write(Line(i) + (kind == 1 ? "\r\n\n" : "\n"));
        }

        return (file, good, bad);
    }

    private static string Line(int i) => string.Create(CultureInfo.InvariantCulture, $$"""{"userId":"user{{i % 10}}","name":"add_revenue","value":{{i}}}""");

    private void AssertOnce(List<int> good, List<string> bad, string file)
    {
        var counted = _api.Records().Select(record =>
        {
            using var json = JsonDocument.Parse(record);
            return json.RootElement.GetProperty("value").GetInt32();
        }).ToList();
        Assert.True(good.SequenceEqual(counted.Order()), $"{counted.Count} records, {counted.Distinct().Count()} distinct, expected {good.Count}; {Seed.Hint}");
        Assert.True(bad.SequenceEqual(File.ReadAllLines(file + ".rejected.jsonl")), $"rejected lines differ; {Seed.Hint}");
    }
}

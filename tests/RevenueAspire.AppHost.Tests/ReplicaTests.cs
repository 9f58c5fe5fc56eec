using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Aspire.Hosting.ApplicationModel;
using RevenueAspire.AppHost.Tests.Processes;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests;

/// <summary>A primary with standbys, run from the dashboard: stop, promotion, return, restart.</summary>
public sealed class ReplicaTests : IDisposable
{
    private readonly DataFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task A_promotion_replaces_a_lost_primary_which_returns_as_standby_and_a_restart_completes_an_interrupted_promotion()
    {
        await using var load = new Load();
        string standby;
        await using (var model = await StartAsync(standbys: 2))
        {
            await model.WaitUntilUpAsync();
            load.Send(model);
            await load.MoreAsync();

            Assert.True((await ExecuteAsync(model, "postgres", KnownResourceCommands.StopCommand)).Success);
            // The outcome of events in flight is unknown when the primary ends. No later event is acknowledged.
            await Eventually.IsTrueAsync(async () => await load.RefusedAsync() == HttpStatusCode.ServiceUnavailable);
            var acknowledged = load.Acknowledged;
            await Task.Delay(500);
            Assert.Equal(acknowledged, load.Acknowledged);

            var promoted = await ExecuteAsync(model, "postgres", "promote-standby");
            Assert.True(promoted.Success, promoted.Message);
            var primary = promoted.Message!.Split(' ')[0];
            Assert.StartsWith("postgres-", primary, StringComparison.Ordinal);
            Assert.Contains(" is the primary, followed by postgres-", promoted.Message, StringComparison.Ordinal);
            await load.MoreAsync();
            Assert.Equal(primary, RolesPrimary());
            standby = primary == "postgres-2" ? "postgres-3" : "postgres-2";

            Assert.True((await ExecuteAsync(model, "postgres", KnownResourceCommands.StartCommand)).Success);
            await load.MoreAsync();
            // Lose the next primary. The promotion compares the other two servers, including the former primary.
            await Eventually.IsTrueAsync(() => RolesText().Contains("\"postgres\"", StringComparison.Ordinal));
            Assert.True((await ExecuteAsync(model, primary, KnownResourceCommands.StopCommand)).Success);
            var again = await ExecuteAsync(model, primary, "promote-standby");
            Assert.True(again.Success, again.Message);
            await load.MoreAsync();
            await load.StopAsync();
            await load.AssertCountedOnceAsync(model);
        }

        // The test host does not wait for the end of all servers, so wait here.
        await Eventually.IsTrueAsync(() => !Directory.EnumerateFiles(_data.Path, "postgres*.lock").Any(IsHeld));

        // Simulate a kill between the decision and the promotion. The next start, here with one standby fewer, completes the promotion.
        Assert.Equal("postgres", RolesPrimary());
        await File.WriteAllTextAsync(Path.Combine(_data.Path, "postgres-roles.json"), $$"""{"primary":"{{standby}}","standbys":[]}""");
        await using var restarted = await StartAsync(standbys: 1);
        await restarted.WaitUntilUpAsync();
        Assert.Equal(standby, RolesPrimary());
        load.Send(restarted);
        await load.MoreAsync();
        await load.StopAsync();
        await load.AssertCountedOnceAsync(restarted);
        var verified = await ExecuteAsync(restarted, (await restarted.ReplicasAsync("processor", 2))[0], "verify-ledger");
        Assert.True(verified.Success, verified.Message);
    }

    private string RolesPrimary()
    {
        using var roles = JsonDocument.Parse(RolesText());
        return roles.RootElement.GetProperty("primary").GetString()!;
    }

    private static bool IsHeld(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private string RolesText() => File.ReadAllText(Path.Combine(_data.Path, "postgres-roles.json"));

    private Task<RunningModel> StartAsync(int standbys) => RunningModel.StartAsync(
        null,
        $"--Data:Directory={_data.Path}",
        string.Create(CultureInfo.InvariantCulture, $"--Postgres:Replicas={standbys}"),
        "--EventLog:Engine=Postgres");

    private static Task<ExecuteCommandResult> ExecuteAsync(RunningModel model, string resource, string command) =>
        model.App.ResourceCommands.ExecuteCommandAsync(resource, command);

    /// <summary>Sends events one after the other, each with a separate key and user, and repeats an event until it is acknowledged.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private readonly ConcurrentDictionary<string, long> _acknowledged = [];
        private readonly string _run = Guid.NewGuid().ToString("N")[..8];
        private CancellationTokenSource _stop = new();
        private Task _sending = Task.CompletedTask;
        private HttpClient? _api;
        private int _sent;

        public int Acknowledged => _acknowledged.Count;

        public void Send(RunningModel model)
        {
            _api = model.Api;
            _stop = new CancellationTokenSource();
            _sending = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(SendAsync)));
        }

        public async Task MoreAsync()
        {
            var enough = Acknowledged + 50;
            await Eventually.IsTrueAsync(() => _sending.IsFaulted || Acknowledged >= enough, TimeSpan.FromSeconds(60));
        }

        public async Task<HttpStatusCode> RefusedAsync() => (await PostAsync(_api!, "refused", 1, null)) ?? HttpStatusCode.RequestTimeout;

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _sending;
        }

        /// <summary>Waits until each acknowledged event is in the ledger, and compares its value, which reveals a repeat that counted twice.</summary>
        public async Task AssertCountedOnceAsync(RunningModel model)
        {
            foreach (var (user, value) in _acknowledged)
            {
                await model.HasRevenueAsync(user, value);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task SendAsync()
        {
            while (!_stop.IsCancellationRequested)
            {
                var number = Interlocked.Increment(ref _sent);
                var user = string.Create(CultureInfo.InvariantCulture, $"{_run}-{number}");
                // Each event has a different value, and no value is twice another one.
                var answer = await PostAsync(_api!, user, number, user);
                while (answer != HttpStatusCode.Accepted && !_stop.IsCancellationRequested)
                {
                    await Task.Delay(50);
                    answer = await PostAsync(_api!, user, number, user);
                }

                if (answer == HttpStatusCode.Accepted)
                {
                    _acknowledged[user] = number;
                }
            }
        }

        private static async Task<HttpStatusCode?> PostAsync(HttpClient api, string user, long value, string? key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent")
            {
                Content = JsonContent.Create(new { userId = user, name = "add_revenue", value }),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "secret");
            if (key is not null)
            {
                request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            }

            try
            {
                using var answer = await api.SendAsync(request);
                return answer.StatusCode;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                return null;
            }
        }
    }
}

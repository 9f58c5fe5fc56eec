using System.Collections.Concurrent;
using System.Diagnostics;
using System.Numerics;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>
/// Clients that keep sending during a failover. Each event has a separate user, so the ledger reveals each event that was lost or counted twice. Thread-safe.
/// </summary>
internal sealed class FailoverLoad(ReplicatedInstallation installation)
{
    private const int KeyedClients = 6;
    private const int Clients = 10;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan GiveUp = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, long> _acknowledged = new();
    private readonly ConcurrentDictionary<string, long> _inDoubt = new();
    private readonly Lock _gate = new();
    private Task _running = Task.CompletedTask;
    private volatile bool _stopping;
    private long _lastAnswer = Stopwatch.GetTimestamp();
    private TimeSpan _longestGap;

    /// <summary>Number of acknowledged events so far.</summary>
    public int Acknowledged => _acknowledged.Count;

    /// <summary>The longest time without an acknowledgement.</summary>
    public TimeSpan LongestGap
    {
        get
        {
            lock (_gate)
            {
                return _longestGap;
            }
        }
    }

    /// <summary>Sends from several clients until <see cref="StopAsync"/>.</summary>
    public Task RunAsync() => _running = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => SendAsync(client))));

    /// <summary>Waits for the given number of further acknowledgements.</summary>
    public Task MoreAsync(int count)
    {
        var enough = Acknowledged + count;
        return Eventually.IsTrueAsync(() => _running.IsFaulted || Acknowledged >= enough, GiveUp);
    }

    /// <summary>Waits until the clients have finished their open requests.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        await _running;
    }

    /// <summary>Waits until the ledger has each acknowledged event once, and every other event at most once. Then runs <c>verify</c>.</summary>
    public async Task AssertLedgerAsync()
    {
        IReadOnlyDictionary<string, BigInteger> ledger = new Dictionary<string, BigInteger>();
        try
        {
            await Eventually.IsTrueAsync(
                async () =>
                {
                    ledger = (await installation.Installation.LedgerAsync()).Users;
                    return _acknowledged.Keys.All(ledger.ContainsKey);
                },
                GiveUp);
        }
        catch (TimeoutException)
        {
            var lost = _acknowledged.Keys.Where(user => !ledger.ContainsKey(user)).ToArray();
            var shown = string.Join(", ", lost.Take(5));
            Assert.Fail($"{lost.Length} of {_acknowledged.Count} acknowledged events are not in the ledger: {shown}.\n{installation.Installation.Outputs()}");
        }

        var verify = await installation.Installation.RunAsync("RevenueAspire.Processor", "verify");
        Assert.True(verify.ExitCode == 0, $"verify: {verify.ExitCode}\n{verify.Output}");
        foreach (var (user, revenue) in (await installation.Installation.LedgerAsync()).Users)
        {
            var expected = _acknowledged.TryGetValue(user, out var value) || _inDoubt.TryGetValue(user, out value) ? value : 0;
            Assert.True(revenue == expected, $"{user} has {revenue}, expected {expected}. {Seed.Hint}");
        }
    }

    /// <summary>Writes the figures for docs/operations.md to the test's output.</summary>
    public void Report() =>
        TestContext.Current.TestOutputHelper?.WriteLine(
            FormattableString.Invariant($"{Acknowledged} events acknowledged, {LongestGap.TotalSeconds:0.0} s without a 202"));

    private async Task SendAsync(int client)
    {
        var random = Seed.Random($"{nameof(FailoverLoad)} {client}");
        for (var i = 0; !_stopping; i++)
        {
            var e = new RevenueEvent($"{(client < KeyedClients ? "keyed" : "plain")}-{client}-{i}", "add_revenue", random.Next(1, 1_000_000));
            if (client < KeyedClients)
            {
                // A repeat goes to the other API, with the same key.
                var attempt = client;
                await Eventually.GetAsync(() => installation.PostAsync(installation.Apis[attempt++ % 2], e, e.UserId), GiveUp, e.UserId);
                Acknowledge(e);
            }
            else if (await installation.PostAsync(installation.Apis[client % 2], e, key: null) is not null)
            {
                Acknowledge(e);
            }
            else
            {
                _inDoubt[e.UserId] = e.Value;
            }

            await Task.Delay(Pause);
        }
    }

    private void Acknowledge(RevenueEvent e)
    {
        _acknowledged[e.UserId] = e.Value;
        lock (_gate)
        {
            var gap = Stopwatch.GetElapsedTime(_lastAnswer);
            _lastAnswer = Stopwatch.GetTimestamp();
            _longestGap = gap > _longestGap ? gap : _longestGap;
        }
    }
}

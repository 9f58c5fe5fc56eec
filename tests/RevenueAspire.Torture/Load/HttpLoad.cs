using System.Net;
using System.Numerics;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>One of many clients: sends single events and batches, with and without keys, some bad; repeats requests; reads its writes.</summary>
internal sealed class HttpLoad(TortureStage stage, Sent sent, Random random, string name) : IDisposable
{
    private const int Users = 60;
    private const int RememberedRequests = 50;
    private const int ForgottenEvery = 8;
    private const string OwnKey = "own-";
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);
    private readonly HttpClient[] _http = [.. stage.Apis.Select((_, i) => stage.CreateHttp(TimeSpan.FromSeconds(10), i))];
    private readonly List<(SentRequest Request, byte[] Body)> _acknowledged = [];
    private readonly Queue<string> _unread = [];
    private BigInteger _own;
    private bool _ownIsInDoubt;

    /// <summary>A user that only this client changes, and only with keys, so the balance after each receipt is known exactly.</summary>
    private string OwnUser => "only " + name;

    /// <summary>Sends until <paramref name="stop"/>, then finishes open requests until <paramref name="giveUp"/>.</summary>
    public async Task RunAsync(CancellationToken stop, CancellationToken giveUp)
    {
        while (!stop.IsCancellationRequested)
        {
            switch (random.Next(20))
            {
                case < 6:
                    await SendAsync(keyed: true, batch: false, giveUp);
                    break;
                case < 10:
                    await SendAsync(keyed: false, batch: false, giveUp);
                    break;
                case < 13:
                    await SendAsync(keyed: true, batch: true, giveUp);
                    break;
                case < 15:
                    await SendAsync(keyed: false, batch: true, giveUp);
                    break;
                case < 17:
                    await RepeatAsync();
                    break;
                case 17:
                    await SendBadAsync();
                    break;
                case 18:
                    await ReadOwnWriteAsync(stop, giveUp);
                    break;
                default:
                    await ReadReceiptAsync();
                    break;
            }

            await Task.Delay(random.Next(10), CancellationToken.None);
        }
    }

    public void Dispose() => Array.ForEach(_http, http => http.Dispose());

    private async Task SendAsync(bool keyed, bool batch, CancellationToken giveUp)
    {
        var id = sent.NextId(name + (batch ? "b" : "s"));
        var events = Enumerable.Range(0, batch ? random.Next(1, 60) : 1).Select(_ => RevenueEvent.Next(random, Users)).ToArray();
        var request = new SentRequest(id, keyed ? "key-" + id : null, events);
        var bad = 0;
        var body = Encoding.UTF8.GetBytes(batch ? Lines(request, out bad) : request.EventJson(0));
        sent.Add(request);

        // Some clients send a request only once, even if they get no answer.
        var patient = keyed && random.Next(20) > 0;
        await AcknowledgeAsync(request, body, batch, bad, patient, giveUp);
    }

    /// <summary>Sends a request until the API acknowledges it; an impatient client sends it once.</summary>
    private async Task AcknowledgeAsync(SentRequest request, byte[] body, bool batch, int bad, bool patient, CancellationToken giveUp)
    {
        var gzip = batch && random.Next(3) == 0;
        for (var attempt = 1; ; attempt++)
        {
            var (status, text) = await PostAsync(request.Key, body, batch, gzip);
            switch (status)
            {
                case HttpStatusCode.Accepted:
                    Acknowledge(request, body, text, batch ? bad : null);
                    return;
                case HttpStatusCode.ServiceUnavailable or HttpStatusCode.RequestTimeout when text.Contains("Nothing was appended", StringComparison.Ordinal):
                    if (attempt == 1 && !patient)
                    {
                        request.State = RequestState.Refused;
                    }

                    break;
                case null or HttpStatusCode.ServiceUnavailable or HttpStatusCode.RequestTimeout:
                    break;
                default:
                    stage.Violations.Add(ViolationKind.Other, $"{request.Id} was answered with {(int)status} {text}");
                    return;
            }

            if (!patient || !sent.IsRemembered(request, stage.KeyWindow))
            {
                // Repeating a request whose key may be forgotten could count it twice.
                return;
            }

            if (giveUp.IsCancellationRequested)
            {
                stage.Violations.Add(ViolationKind.Other, $"{request.Id} was never acknowledged: {status} {text}");
                return;
            }

            await Task.Delay(RetryPause, CancellationToken.None);
        }
    }

    private void Acknowledge(SentRequest request, byte[] body, string text, int? bad)
    {
        using var answer = JsonDocument.Parse(text);
        var receipt = answer.RootElement.GetProperty("receipt").GetString()!;
        if (bad is { } rejected && (answer.RootElement.GetProperty("accepted").GetInt32(),
            answer.RootElement.GetProperty("rejectedCount").GetInt32()) is var counts && counts != (request.Events.Count, rejected))
        {
            stage.Violations.Add(ViolationKind.Other, $"{request.Id}: expected {(request.Events.Count, rejected)} events and rejected lines, got {counts}");
        }

        if (request.Receipt is { } earlier && earlier != receipt)
        {
            stage.Violations.Add(ViolationKind.Repeated, $"{request.Id} got the receipt {earlier}, but {receipt} on a repeat");
        }

        request.Receipt ??= receipt;
        request.State = RequestState.Acknowledged;
        if (request.Key is not null)
        {
            _acknowledged.Add((request, body));
            if (_acknowledged.Count > RememberedRequests)
            {
                _acknowledged.RemoveAt(random.Next(_acknowledged.Count));
            }
        }
    }

    /// <summary>Repeats an acknowledged request and expects the same receipt, or sends its key with another body and expects a refusal.</summary>
    private async Task RepeatAsync()
    {
        if (_acknowledged.Count == 0)
        {
            return;
        }

        var (request, body) = _acknowledged[random.Next(_acknowledged.Count)];
        var batch = request.Id.StartsWith(name + "b", StringComparison.Ordinal);
        if (!sent.IsRemembered(request, stage.KeyWindow))
        {
            await RepeatForgottenAsync(request, body, batch);
            return;
        }

        if (random.Next(4) > 0)
        {
            var (status, text) = await PostAsync(request.Key, body, batch, gzip: false);
            if (status == HttpStatusCode.Accepted)
            {
                Acknowledge(request, body, text, bad: null);
            }
            else if (!ApiRequests.IsUnavailable(status))
            {
                stage.Violations.Add(ViolationKind.Other, $"{request.Id}, repeated, was answered with {(int)status} {text}");
            }

            return;
        }

        var other = new SentRequest(sent.NextId(name + "x"), request.Key, [RevenueEvent.Next(random, Users)]) { State = RequestState.Refused };
        sent.Add(other);
        var (conflict, problem) = await PostAsync(other.Key, Encoding.UTF8.GetBytes(other.EventJson(0)), batch, gzip: false);
        if (conflict != HttpStatusCode.UnprocessableEntity && !ApiRequests.IsUnavailable(conflict))
        {
            stage.Violations.Add(ViolationKind.Other, $"{other.Id} with the key of {request.Id} was answered with {(int)conflict} {problem}");
        }
    }

    /// <summary>Repeats a request whose key may be forgotten. The repeat may be a new event with a new receipt; then both count.</summary>
    private async Task RepeatForgottenAsync(SentRequest request, byte[] body, bool batch)
    {
        if (random.Next(ForgottenEvery) > 0 || request.Key!.StartsWith(OwnKey, StringComparison.Ordinal))
        {
            return;
        }

        request.AllowedTimes++;
        var (status, text) = await PostAsync(request.Key, body, batch, gzip: false);
        if (status != HttpStatusCode.Accepted && !ApiRequests.IsUnavailable(status))
        {
            stage.Violations.Add(ViolationKind.Other, $"{request.Id}, repeated late, was answered with {(int)status} {text}");
        }
    }

    private async Task SendBadAsync()
    {
        var batch = random.Next(2) == 0;
        var body = string.Join('\n', Enumerable.Range(0, batch ? random.Next(1, 5) : 1).Select(_ => EventFile.BadLines[random.Next(EventFile.BadLines.Count)]));
        var (status, text) = await PostAsync(random.Next(2) == 0 ? sent.NextId("bad") : null, Encoding.UTF8.GetBytes(body), batch, gzip: false);
        if (status != HttpStatusCode.BadRequest && !ApiRequests.IsUnavailable(status))
        {
            stage.Violations.Add(ViolationKind.Other, $"{body} was answered with {(int)status} {text}");
        }
    }

    private async Task ReadOwnWriteAsync(CancellationToken stop, CancellationToken giveUp)
    {
        var id = sent.NextId(name + "s");
        var request = new SentRequest(id, OwnKey + id,
            [new RevenueEvent(OwnUser, random.Next(2) == 0 ? "add_revenue" : "subtract_revenue", random.NextInt64())]);
        sent.Add(request);
        await AcknowledgeAsync(request, Encoding.UTF8.GetBytes(request.EventJson(0)), batch: false, 0, patient: true, giveUp);
        if (request.Receipt is null)
        {
            _ownIsInDoubt = true;
            return;
        }

        _own += request.Events[0].Name == "add_revenue" ? request.Events[0].Value : -(BigInteger)request.Events[0].Value;
        // The logs of several API processes are applied independently. So the balance is known only after reads have confirmed every receipt.
        _unread.Enqueue(request.Receipt);
        while (_unread.TryPeek(out var receipt))
        {
            var (status, text) = await GetAsync($"/userEvents?userId={Uri.EscapeDataString(OwnUser)}&after={receipt}");
            if (status != HttpStatusCode.OK)
            {
                if (status is not (null or HttpStatusCode.ServiceUnavailable) && !stop.IsCancellationRequested)
                {
                    stage.Violations.Add(ViolationKind.Other, $"a read after {receipt} was answered with {(int)status} {text}");
                }

                return;
            }

            _unread.Dequeue();
            using var answer = JsonDocument.Parse(text);
            if (_unread.Count == 0 && !_ownIsInDoubt && BigInteger.Parse(answer.RootElement.GetProperty("revenue").GetRawText(), null) is var revenue
                && revenue != _own)
            {
                stage.Violations.Add(ViolationKind.WrongBalance, $"{OwnUser} has {revenue} after {receipt}, expected {_own}");
            }
        }
    }

    private async Task ReadReceiptAsync()
    {
        if (_acknowledged.Count == 0)
        {
            return;
        }

        var (request, _) = _acknowledged[random.Next(_acknowledged.Count)];
        var (status, text) = await GetAsync($"/receipts/{request.Receipt}");
        if (status is not (null or HttpStatusCode.ServiceUnavailable)
            && (status != HttpStatusCode.OK
                || !(text.Contains("\"durable\"", StringComparison.Ordinal) || text.Contains("\"applied\"", StringComparison.Ordinal))))
        {
            stage.Violations.Add(ViolationKind.Other, $"the receipt {request.Receipt} was answered with {(int)status} {text}");
        }
    }

    /// <summary>The request's events as lines, with bad and blank lines among them.</summary>
    private string Lines(SentRequest request, out int bad)
    {
        bad = 0;
        var text = new StringBuilder();
        for (var i = 0; i < request.Events.Count; i++)
        {
            if (random.Next(30) == 0)
            {
                text.Append(EventFile.BadLines[random.Next(EventFile.BadLines.Count)]).Append('\n');
                bad++;
            }

            text.Append(request.EventJson(i)).Append(random.Next(10) == 0 ? "\r\n\n" : "\n");
        }

        return text.ToString();
    }

    private Task<(HttpStatusCode? Status, string Text)> PostAsync(string? key, byte[] body, bool batch, bool gzip) =>
        AskAsync(ApiRequests.Post(body, batch, key, gzip));

    private Task<(HttpStatusCode? Status, string Text)> GetAsync(string path) => AskAsync(ApiRequests.Get(path));

    /// <summary>Each attempt goes to a random process of the API.</summary>
    private Task<(HttpStatusCode? Status, string Text)> AskAsync(HttpRequestMessage request) =>
        _http[_http.Length == 1 ? 0 : random.Next(_http.Length)].AskAsync(request);
}

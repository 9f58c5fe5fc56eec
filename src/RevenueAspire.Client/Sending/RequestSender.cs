using System.Diagnostics.Metrics;
using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>How a run talks to the API.</summary>
internal sealed record SendSettings
{
    /// <summary>Requests in flight at most.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Lines a request; 0 for single events.</summary>
    public int Batch { get; init; }

    /// <summary>Lines a second at most; null for no limit.</summary>
    public int? Rate { get; init; }

    /// <summary>Time after which one attempt counts as failed.</summary>
    public required TimeSpan RequestTimeout { get; init; }

    /// <summary>Time that the API may be away before the run gives up.</summary>
    public required TimeSpan GiveUpAfter { get; init; }

    /// <summary>The same for the time before the first request.</summary>
    public required TimeSpan StartPatience { get; init; }
}

/// <summary>Brings one request to its final answer: with retries and splits. Thread-safe.</summary>
internal sealed class RequestSender
{
    private static readonly Meter Meter = new("RevenueAspire.Client");
    private static readonly Counter<long> Requests =
        Meter.CreateCounter<long>("revenue.client.requests", "{request}", "Attempts to send a request, by outcome.");

    private readonly ApiConnection _api;
    private readonly IdempotencyKeyCheck _keyCheck;
    private readonly RetryPolicy _retries;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeSpan _giveUpAfter;
    private readonly bool _isBatch;
    private readonly CancellationToken _stop;
    private readonly CancellationToken _abort;

    /// <param name="api">Where requests go.</param>
    /// <param name="settings">How.</param>
    /// <param name="keyCheck">Asked before a request is repeated.</param>
    /// <param name="onRetry">Hears of each wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Ends waiting between attempts.</param>
    /// <param name="abort">Breaks attempts off.</param>
    public RequestSender(
        ApiConnection api,
        SendSettings settings,
        IdempotencyKeyCheck keyCheck,
        Action<AttemptResult> onRetry,
        TimeProvider time,
        CancellationToken stop,
        CancellationToken abort)
    {
        _api = api;
        _keyCheck = keyCheck;
        _retries = new RetryPolicy(settings.GiveUpAfter, onRetry, time);
        _requestTimeout = settings.RequestTimeout;
        _giveUpAfter = settings.GiveUpAfter;
        _isBatch = settings.Batch > 0;
        _stop = stop;
        _abort = abort;
    }

    /// <summary>Sends a request until each of its lines is known to be accepted or rejected.</summary>
    /// <param name="runId">The first part of the key.</param>
    /// <param name="request">Gets the outcome.</param>
    /// <param name="timeout">The caller's own.</param>
    /// <exception cref="SendException">The run cannot go on.</exception>
    /// <exception cref="OperationCanceledException">Stopped; the request is open.</exception>
    public async ValueTask SendAsync(string runId, OutboundRequest request, AttemptTimeout timeout)
    {
        if (_isBatch)
        {
            await SendPieceAsync(runId, request, timeout, 0, request.Lines, request.Body);
            return;
        }

        var answer = await PostAsync(request, timeout, 0, $"{runId}-{request.Offset}", WithoutLineEnd(request.Body));
        if (answer.Kind == AttemptOutcome.Accepted)
        {
            request.Accepted = 1;
            request.OtherLog = answer.OtherLog;
            return;
        }

        // What is too large for this API by itself is as bad as any other line that it refuses.
        Reject(request, 0, WithoutNewline(request.Body), RejectedBy(answer, request));
    }

    private async Task SendPieceAsync(string runId, OutboundRequest request, AttemptTimeout timeout, int firstLine, int lines, ReadOnlyMemory<byte> body)
    {
        // Two pieces of one request begin at different lines. The first has the key of the whole, which the API refused and so does not know.
        var key = firstLine == 0 ? $"{runId}-{request.Offset}" : $"{runId}-{request.Offset}-{firstLine}";
        var answer = await PostAsync(request, timeout, lines, key, body);
        switch (answer.Kind)
        {
            case AttemptOutcome.TooLarge when lines > 1:
                var half = BodyLines.Skip(body, lines / 2);
                await SendPieceAsync(runId, request, timeout, firstLine, lines / 2, body[..half]);
                await SendPieceAsync(runId, request, timeout, firstLine + (lines / 2), lines - (lines / 2), body[half..]);
                break;
            case AttemptOutcome.Accepted or AttemptOutcome.Rejected:
                if (answer.Accepted + answer.RejectedCount != lines)
                {
                    throw Refused(request, $"the API counted {answer.Accepted} + {answer.RejectedCount} of {lines} lines");
                }

                RejectListed(request, firstLine, lines, body, answer);
                request.Accepted += answer.Accepted;
                request.OtherLog ??= answer.OtherLog;
                break;
            default:
                // One line, too large for this API by itself.
                Reject(request, firstLine, WithoutNewline(body), RejectedBy(answer, request));
                break;
        }
    }

    /// <summary>Takes the rejected lines from the answer's list. The API was asked for as many as there are lines, so that what it does not name was
    /// accepted.</summary>
    private static void RejectListed(OutboundRequest request, int firstLine, int lines, ReadOnlyMemory<byte> body, AttemptResult answer)
    {
        var reasons = new Dictionary<int, string>(answer.Rejected.Count);
        foreach (var reject in answer.Rejected)
        {
            if (reject.Line < 1 || reject.Line > lines || !reasons.TryAdd(reject.Line, reject.Reason))
            {
                throw Refused(request, $"the answer is unexpected: of {lines} lines it rejects line {reject.Line}, or names it twice");
            }
        }

        if (reasons.Count != answer.RejectedCount)
        {
            throw Refused(
                request,
                $"the API rejected {answer.RejectedCount} lines, but names {reasons.Count} of them, though all were asked for (?listed={lines}); its lines "
                + "are in the log, but it is not known which");
        }

        if (reasons.Count == 0)
        {
            return;
        }

        foreach (var line in BodyLines.Of(body))
        {
            if (reasons.TryGetValue(line.Index + 1, out var reason))
            {
                Reject(request, firstLine + line.Index, body.Slice(line.Start, line.Length), reason);
            }
        }
    }

    private async ValueTask<AttemptResult> PostAsync(OutboundRequest request, AttemptTimeout timeout, int lines, string key, ReadOnlyMemory<byte> body)
    {
        // Nearly every first attempt is the last: the machinery of retries is entered only after one that was not.
        var answer = await AttemptAsync(request, timeout, lines, key, body);
        if (answer.Kind == AttemptOutcome.TryAgain)
        {
            answer = await _retries.RetryAsync(answer, () => AttemptAsync(request, timeout, lines, key, body), _stop);
        }

        if (answer.Kind == AttemptOutcome.Accepted)
        {
            _retries.NotePassed();
        }

        return answer.Kind is AttemptOutcome.Accepted or AttemptOutcome.Rejected or AttemptOutcome.TooLarge ? answer : throw Failure(answer, request);
    }

    private async ValueTask<AttemptResult> AttemptAsync(OutboundRequest request, AttemptTimeout timeout, int lines, string key, ReadOnlyMemory<byte> body)
    {
        // What the API may have already is sent again only while it knows the key.
        if ((request.MayBeAppended || request.CarriedAsOf is not null) && await _keyCheck.CheckAsync(request, _abort) is { } wait)
        {
            return wait;
        }

        AttemptResult answer;
        try
        {
            answer = await _api.PostAsync(lines, key, body, timeout.Start());
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            request.MayReuseBuffer = false;
            answer = ConnectionErrors.Judge(exception);
        }
        catch (OperationCanceledException) when (!_abort.IsCancellationRequested)
        {
            request.MayReuseBuffer = false;
            answer = new AttemptResult(AttemptOutcome.TryAgain) { Detail = $"no answer within {_requestTimeout.TotalSeconds:0} s" };
        }
        catch (OperationCanceledException)
        {
            request.MayReuseBuffer = false;
            throw;
        }
        finally
        {
            timeout.Stop();
        }

        // Whatever the reason is: only an answer that says what became of the request makes it certain. A disk that failed in the middle answers 503, and may
        // have kept it.
        if (!answer.IsUnsent)
        {
            request.MayBeAppended = answer.Kind == AttemptOutcome.TryAgain;
        }

        Requests.Add(1, new KeyValuePair<string, object?>("outcome", Outcome(answer.Kind)));
        return answer;
    }

    private SendException Failure(AttemptResult answer, OutboundRequest request) => answer.Kind switch
    {
        AttemptOutcome.Unauthorized => SendException.Unauthorized(_api, answer),
        AttemptOutcome.TryAgain when answer is { IsUnsent: false, IsLimited: false, RetryAfter: { } wait } && wait >= _giveUpAfter => new SendException(
            SendFailure.ApiAway,
            $"The API at {_api.Url} asks to wait {wait.TotalSeconds:0} s or longer ({answer.Detail}), "
            + $"and a run waits {_giveUpAfter.TotalSeconds:0} s (Client:GiveUpAfterSeconds)."),
        AttemptOutcome.TryAgain when answer.IsUnsent => new SendException(SendFailure.ApiAway, $"There was no token for too long: {answer.Detail}."),
        AttemptOutcome.TryAgain => new SendException(SendFailure.ApiAway, $"The API at {_api.Url} was away for too long ({answer.Detail})."),
        AttemptOutcome.Impossible => Refused(request, $"nothing can be sent to {_api.Url}: {answer.Detail}"),
        AttemptOutcome.KeyConflict => new SendException(
            SendFailure.KeyConflict,
            $"Sending stopped at line {request.LineNumber(0)}: the API has this request with another content (422), so the file was changed after it had "
            + "been sent. The lines before are answered; compare the ledger with the file, and send what is missing as a separate file."),
        _ => Refused(request, $"the address {_api.Url} answers {answer.Detail}, which is not the API's way; check the address"),
    };

    private static SendException Refused(OutboundRequest request, string reason) =>
        new(SendFailure.Refused, $"Sending stopped at line {request.LineNumber(0)}: {reason}.");

    private static string RejectedBy(AttemptResult answer, OutboundRequest request) => answer switch
    {
        { Kind: AttemptOutcome.Rejected, Detail.Length: > 0 } or { IsExplained: true } => answer.Detail,
        { Kind: AttemptOutcome.TooLarge } => throw Refused(
            request,
            $"it is refused as too large (413), but not by the API: raise the limit of the proxy in front of it, which does not "
            + $"let {request.Length} bytes pass"),
        { Kind: AttemptOutcome.Rejected } => "not an event",
        _ => throw Refused(request, $"unexpected {answer.Kind}"),
    };

    private static void Reject(OutboundRequest request, int index, ReadOnlyMemory<byte> line, string reason) =>
        (request.Rejected ??= []).Add(new RejectedLine(request.LineNumber(index), reason, line.ToArray()));

    private static ReadOnlyMemory<byte> WithoutNewline(ReadOnlyMemory<byte> line) => line[..^1];

    private static ReadOnlyMemory<byte> WithoutLineEnd(ReadOnlyMemory<byte> line) => line.Span is [.., (byte)'\r', _] ? line[..^2] : line[..^1];

    private static string Outcome(AttemptOutcome kind) => kind switch
    {
        AttemptOutcome.Accepted => "accepted",
        AttemptOutcome.Rejected or AttemptOutcome.TooLarge => "rejected",
        AttemptOutcome.TryAgain => "retried",
        _ => "failed",
    };
}

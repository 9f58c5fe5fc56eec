using System.Diagnostics.Metrics;
using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>The settings that a run uses for its requests.</summary>
internal sealed record SendSettings
{
    /// <summary>Maximum number of requests in flight.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Lines per request; 0 for single events.</summary>
    public int Batch { get; init; }

    /// <summary>Maximum lines per second; null for no limit.</summary>
    public int? Rate { get; init; }

    /// <summary>Time limit of one attempt.</summary>
    public required TimeSpan RequestTimeout { get; init; }

    /// <summary>Time that the API may be unavailable before the run gives up.</summary>
    public required TimeSpan GiveUpAfter { get; init; }

    /// <summary>Time that the API may be unavailable before the first request.</summary>
    public required TimeSpan StartPatience { get; init; }
}

/// <summary>Sends a request until it has a final answer, with retries and splits. Thread-safe.</summary>
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

    /// <param name="api">The destination.</param>
    /// <param name="settings">Time limits and batch size.</param>
    /// <param name="keyCheck">Called before a retry.</param>
    /// <param name="onRetry">Called for each wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Stops the waiting between attempts.</param>
    /// <param name="abort">Aborts attempts.</param>
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

    /// <summary>Sends a request until each of its lines is accepted or rejected.</summary>
    /// <param name="runId">The first part of the key.</param>
    /// <param name="request">Receives the outcome.</param>
    /// <param name="timeout">The calling worker's time limit.</param>
    /// <exception cref="SendException">The run cannot continue.</exception>
    /// <exception cref="OperationCanceledException">Stopped; the request is still open.</exception>
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

        // A single line that is too large for this API is rejected like any other invalid line.
        Reject(request, 0, WithoutNewline(request.Body), RejectedBy(answer, request));
    }

    private async Task SendPieceAsync(string runId, OutboundRequest request, AttemptTimeout timeout, int firstLine, int lines, ReadOnlyMemory<byte> body)
    {
        // The pieces of a request begin at different lines. The first piece reuses the request's key, which the API does not know, because it refused the whole
        // request.
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
                    throw Refused(request, $"the API counted {answer.Accepted} accepted and {answer.RejectedCount} rejected lines, but {lines} were sent");
                }

                RejectListed(request, firstLine, lines, body, answer);
                request.Accepted += answer.Accepted;
                request.OtherLog ??= answer.OtherLog;
                break;
            default:
                // This line alone is too large for the API.
                Reject(request, firstLine, WithoutNewline(body), RejectedBy(answer, request));
                break;
        }
    }

    /// <summary>Takes the rejected lines from the answer's list. The API was asked to list all of them, so every other line was accepted.</summary>
    private static void RejectListed(OutboundRequest request, int firstLine, int lines, ReadOnlyMemory<byte> body, AttemptResult answer)
    {
        var reasons = new Dictionary<int, string>(answer.Rejected.Count);
        foreach (var reject in answer.Rejected)
        {
            if (reject.Line < 1 || reject.Line > lines || !reasons.TryAdd(reject.Line, reject.Reason))
            {
                throw Refused(request, $"the answer is invalid: it rejects line {reject.Line} of {lines}, or lists it twice");
            }
        }

        if (reasons.Count != answer.RejectedCount)
        {
            throw Refused(
                request,
                $"the API rejected {answer.RejectedCount} lines but listed only {reasons.Count}, although ?listed={lines} asks for all; the accepted "
                + "lines are in the log, but the client cannot know which they are");
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
        // Nearly every first attempt succeeds, so the retry pipeline is entered only after a failure.
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
        // Repeat a request that may have been appended only while the API remembers its key.
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

        // Only a conclusive answer shows whether the request was appended. For example, after a disk failure during the append, the API answers 503, but the
        // events may be on disk.
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
            $"The API at {_api.Url} asks to wait at least {wait.TotalSeconds:0} s ({answer.Detail}), "
            + $"but a run waits at most {_giveUpAfter.TotalSeconds:0} s (Client:GiveUpAfterSeconds)."),
        AttemptOutcome.TryAgain when answer.IsUnsent => new SendException(SendFailure.ApiAway, $"No token could be obtained in time: {answer.Detail}."),
        AttemptOutcome.TryAgain => new SendException(SendFailure.ApiAway, $"The API at {_api.Url} was unavailable for too long ({answer.Detail})."),
        AttemptOutcome.Impossible => Refused(request, $"nothing can be sent to {_api.Url}: {answer.Detail}"),
        AttemptOutcome.KeyConflict => new SendException(
            SendFailure.KeyConflict,
            $"Sending stopped at line {request.LineNumber(0)}: the API already has this request with other content (422), so the file was changed after it "
            + "was sent. The earlier lines are answered. Compare the ledger with the file, and send the missing lines as a separate file."),
        _ => Refused(request, $"{_api.Url} answers {answer.Detail}, unlike the API; check the address"),
    };

    private static SendException Refused(OutboundRequest request, string reason) =>
        new(SendFailure.Refused, $"Sending stopped at line {request.LineNumber(0)}: {reason}.");

    private static string RejectedBy(AttemptResult answer, OutboundRequest request) => answer switch
    {
        { Kind: AttemptOutcome.Rejected, Detail.Length: > 0 } or { IsExplained: true } => answer.Detail,
        { Kind: AttemptOutcome.TooLarge } => throw Refused(
            request,
            $"a proxy in front of the API refuses the request as too large (413): raise the proxy's limit to more "
            + $"than {request.Length} bytes"),
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

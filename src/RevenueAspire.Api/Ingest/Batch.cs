using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary>The events of a batch are on disk.</summary>
internal sealed record BatchAnswer(string Receipt, int Accepted, int RejectedCount, IReadOnlyList<RejectedLine> Rejected);

/// <summary>A rejected line of a batch.</summary>
internal sealed record RejectedLine(int Line, string Reason);

/// <summary><c>POST /liveEvents</c>: many events as JSON Lines, appended as one atomic group.</summary>
internal sealed class Batch(
    EventLogWriter log, AccessControl access, EventTypes types, TimeProvider time, IOptions<ApiOptions> options, CallerLimits limits, BatchMemory memory)
{
    /// <summary>Typical compression ratio of events. The reservation grows if a body compresses better.</summary>
    private const int TypicalGzipRatio = 8;

    /// <summary>Bytes for the server fields of a batch's last record, and for a missing last newline. If the trace is longer, the builder grows.</summary>
    private const int ServerFieldsBytes = 1 << 10;
    private const int MaxReservedBytes = 64 << 20;

    /// <summary>Memory to reserve at first for a body of unknown length.</summary>
    private const int UnknownBodyBytes = 1 << 20;

    private const int DefaultListed = 100;
    private const int MaxListed = 100_000;

    /// <summary>Other batches free their memory within seconds, as soon as they are written.</summary>
    private const int NoMemoryRetrySeconds = 2;

    private readonly ApiOptions _options = options.Value;

    public async Task HandleAsync(HttpContext context)
    {
        var caller = access.CallerOf(context);
        var gzip = ContentTypes.IsGzip(context.Request.Headers.ContentEncoding);
        string? key = null;
        if ((limits.Refuse(context, caller) ?? IngestRequest.RefuseKey(context, caller.Metrics, out key) ?? RefuseBody(context, caller.Metrics, gzip))
            is { } refusal)
        {
            await refusal;
            return;
        }

        if (ReadListed(context) is not { } listed)
        {
            await IngestRequest.RefuseAsync(context, caller.Metrics, StatusCodes.Status400BadRequest,
                $"listed: must be a single whole number from 1 to {MaxListed}. Nothing was appended.", "listed");
            return;
        }

        using var reservation = await memory.ReserveAsync(
            BatchMemory.For(ExpectedBytes(context.Request.ContentLength, gzip)), _options.BatchWait, context.RequestAborted);
        if (reservation is null)
        {
            await RefuseNoMemory(context, caller.Metrics);
            return;
        }

        var builder = new AppendGroupBuilder(types, time);
        try
        {
            await TakeAsync(context, caller, gzip, key, listed, builder, reservation);
        }
        finally
        {
            // Frees the batch after a refusal. An appended batch already belongs to the log.
            builder.Clear();
        }
    }

    private async Task TakeAsync(
        HttpContext context, Caller caller, bool gzip, string? key, int listed, AppendGroupBuilder builder, BatchMemory.Reservation reservation)
    {
        var metrics = caller.Metrics;
        builder.Reserve(gzip ? 0 : RecordBytes(ExpectedBytes(context.Request.ContentLength, gzip)));
        using var lines = new BatchLines(builder, _options.MaxEventBytes, hashed: key is not null, listed);
        if (!await TryReadAsync(context, caller, gzip, builder, lines, reservation))
        {
            return;
        }

        metrics.Bytes.Add(lines.Length);
        metrics.Rejected.Add(lines.RejectedCount);
        if (builder.Count == 0)
        {
            limits.Charge(caller, lines.RejectedCount);
            await ProblemResponse.WriteAsync(context, NothingValid(lines));
            return;
        }

        var group = builder.Build(key, lines.Hash(), IngestRequest.TraceParent(), lines.RejectedCount, caller.Name);
        var result = await log.AppendAsync(group, CancellationToken.None);
        if (result.Status is AppendStatus.Appended or AppendStatus.Repeated or AppendStatus.KeyConflict)
        {
            limits.Charge(caller, group.Count + group.RejectedCount);
        }

        if (result.Status is not (AppendStatus.Appended or AppendStatus.Repeated))
        {
            await IngestRequest.AnswerFailureAsync(context, metrics, result, group.Count);
            return;
        }

        if (result.Status == AppendStatus.Appended)
        {
            metrics.CountAcceptedBatch(result.Accepted);
        }
        else
        {
            metrics.Repeated.Add(result.Accepted);
        }

        // For a repeat, the counts are those of the first attempt. The log does not store the list of rejected lines; the same body produces the same list.
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        await context.Response.WriteAsJsonAsync(
            new BatchAnswer(result.Receipt.ToString(), result.Accepted, result.RejectedCount, lines.Rejected), ApiJson.Of<BatchAnswer>(), ContentTypes.Json,
            CancellationToken.None);
    }

    /// <summary>Reads the body. If that fails, answers with the reason.</summary>
    private async Task<bool> TryReadAsync(
        HttpContext context, Caller caller, bool gzip, AppendGroupBuilder builder, BatchLines lines, BatchMemory.Reservation reservation)
    {
        var metrics = caller.Metrics;
        using var timeout = new CancellationTokenSource(_options.BatchBodyTimeout, time);
        BatchRead read;
        try
        {
            read = await BatchBody.ReadAsync(context.Request, gzip, lines, reservation, _options.MaxBatchBytes, timeout.Token);
        }
        catch (Exception exception) when (IngestRequest.IsBrokenBody(exception))
        {
            limits.Charge(caller, builder.Count + lines.RejectedCount);
            throw IngestRequest.CountBrokenBody(metrics, exception);
        }

        lines.Complete();
        if (read is not (BatchRead.Complete or BatchRead.NoMemory))
        {
            // Count these lines: decompressing and parsing them cost as much as for an appended batch.
            limits.Charge(caller, builder.Count + lines.RejectedCount);
        }

        await (read switch
        {
            BatchRead.TooLarge => RefuseTooLarge(context, metrics),
            BatchRead.NoMemory => RefuseNoMemory(context, metrics),
            BatchRead.TooSlow => IngestRequest.RefuseAsync(
                context, metrics, StatusCodes.Status408RequestTimeout,
                $"The body did not arrive within {_options.BatchBodyTimeout}. Nothing was appended; send smaller batches.", field: null),
            BatchRead.BadGzip => IngestRequest.RefuseAsync(
                context, metrics, StatusCodes.Status400BadRequest,
                "Content-Encoding: the body is not valid gzip, is cut off, or has extra bytes at its end. Nothing was appended.", "Content-Encoding"),
            _ => Task.CompletedTask,
        });
        return read == BatchRead.Complete;
    }

    /// <summary>Reads the maximum number of rejected lines in the answer; null if it is not a number in the range, or given twice.</summary>
    private static int? ReadListed(HttpContext context) => RawTarget.FindParameters(context, "listed") switch
    {
        [] => DefaultListed,
        [var text] => RawTarget.ReadNumber(text, MaxListed),
        _ => null,
    };

    private Task? RefuseBody(HttpContext context, CallerMetrics metrics, bool gzip)
    {
        var request = context.Request;
        if (!ContentTypes.IsOneOf(request.ContentType, ContentTypes.JsonLines, ContentTypes.NdJson))
        {
            return IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status415UnsupportedMediaType,
                "Content-Type: must be application/jsonl or application/x-ndjson in UTF-8, or absent. With curl, add -H 'Content-Type: application/jsonl' "
                    + "and send the file with --data-binary @FILE.",
                "Content-Type");
        }

        if (!gzip && !ContentTypes.IsIdentity(request.Headers.ContentEncoding))
        {
            context.Response.Headers.AcceptEncoding = "gzip";
            return IngestRequest.RefuseAsync(
                context, metrics, StatusCodes.Status415UnsupportedMediaType, "Content-Encoding: must be gzip or absent.", "Content-Encoding");
        }

        // A gzip body is never larger than its content plus a small overhead. The exact limit is enforced during decompression.
        var maxLength = gzip ? _options.MaxBatchBytes + (_options.MaxBatchBytes / 1024L) + 1024 : _options.MaxBatchBytes;
        return request.ContentLength > maxLength ? RefuseTooLarge(context, metrics) : null;
    }

    private Task RefuseTooLarge(HttpContext context, CallerMetrics metrics) => IngestRequest.RefuseAsync(
        context, metrics, StatusCodes.Status413PayloadTooLarge,
        $"The decompressed body is larger than {_options.MaxBatchBytes} bytes, the limit of a batch. Nothing was appended.", field: null);

    private static Task RefuseNoMemory(HttpContext context, CallerMetrics metrics) => IngestRequest.RefuseAsync(
        context, metrics, StatusCodes.Status503ServiceUnavailable, "Too many batches are in progress. Nothing was appended; try again.", field: null,
        NoMemoryRetrySeconds);

    private long ExpectedBytes(long? contentLength, bool gzip) =>
        Math.Min(_options.MaxBatchBytes, contentLength is { } length ? (gzip ? length * TypicalGzipRatio : length) : UnknownBodyBytes);

    /// <summary>Initial capacity of the builder for a plain body, whose records are no larger than its lines. For a compressed body, whose final size is
    /// unknown, the caller passes 0.</summary>
    private static int RecordBytes(long bodyBytes) => (int)Math.Min(bodyBytes + ServerFieldsBytes, MaxReservedBytes);

    private static Problem NothingValid(BatchLines lines) =>
        Problem.Of(
            StatusCodes.Status400BadRequest,
            lines.RejectedCount == 0 ? "The body has no lines: send one JSON event per line." : "No line is a valid event. Nothing was appended.")
        with
        { RejectedCount = lines.RejectedCount, Rejected = lines.Rejected };
}

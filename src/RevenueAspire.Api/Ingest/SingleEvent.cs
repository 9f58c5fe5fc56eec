using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary><c>POST /liveEvent</c>: one event, answered after it is on disk. The hot path: no model binding, no log line, and no copy of a body that arrives in
/// one piece.</summary>
internal sealed class SingleEvent(EventLogWriter log, AccessControl access, EventTypes types, TimeProvider time,
    IOptions<ApiOptions> options, CallerLimits limits, ILogger<SingleEvent> logger)
{
    /// <summary>One builder per thread is enough, because a request does not await between its first and its last use of the builder.</summary>
    [ThreadStatic]
    private static (SingleEvent Owner, AppendGroupBuilder Builder) _perThread;

    /// <summary>White space around an event, such as a trailing newline, does not count towards its size.</summary>
    private const int MaxSurroundingBytes = 1 << 10;

    private readonly int _maxBytes = options.Value.MaxEventBytes;

    public Task HandleAsync(HttpContext context) => HandleAsync(context, access.CallerOf(context));

    /// <summary>Handles the whole request, from its headers to its answer, including errors.</summary>
    /// <remarks>A small body usually arrives together with its headers. Then this method, which waits for the disk, is the only async state machine of the
    /// request.</remarks>
    public async Task HandleAsync(HttpContext context, Caller caller)
    {
        try
        {
            string? key = null;
            if ((limits.Refuse(context, caller) ?? IngestRequest.RefuseKey(context, caller.Metrics, out key) ?? RefuseBody(context, caller.Metrics))
                is { } refusal)
            {
                await refusal;
                return;
            }

            if (!TryTakeWhole(context.Request.BodyReader, caller, key, out var reading, out var group, out var reason))
            {
                group = Take(await ReadOnAsync(context.Request.BodyReader, caller.Metrics, reading), caller, key, out reason);
            }

            if (group is null)
            {
                await RefuseAsync(context, caller.Metrics, reason);
                return;
            }

            // Not cancelled on a disconnect: the wait lasts one fsync, and the write happens anyway.
            var result = await log.AppendAsync(group, CancellationToken.None);
            if (result.Status is not (AppendStatus.Appended or AppendStatus.Repeated))
            {
                await IngestRequest.AnswerFailureAsync(context, caller.Metrics, result, events: 1);
                return;
            }

            if (result.Status == AppendStatus.Appended)
            {
                caller.Metrics.AcceptedSingly.Add(1);
            }
            else
            {
                caller.Metrics.Repeated.Add(1);
            }

            await ReceiptWriter.WriteAsync(context.Response, result.Receipt);
        }
        catch (Exception exception)
        {
            await ErrorResponses.AnswerAsync(context, exception, logger);
        }
    }

    /// <summary>Handles a body that has fully arrived. Returns false for an incomplete body; <paramref name="reading"/> is then the pending read.</summary>
    private bool TryTakeWhole(
        PipeReader reader, Caller caller, string? key, out ValueTask<ReadResult> reading, out AppendGroup? group, out RejectReason? reason)
    {
        (group, reason) = (null, null);
        reading = reader.ReadAsync();
        if (!reading.IsCompletedSuccessfully)
        {
            return false;
        }

        var read = reading.Result;
        if (!read.IsCompleted)
        {
            reading = new ValueTask<ReadResult>(read);
            return false;
        }

        try
        {
            group = Take(read.Buffer, caller, key, out reason);
            return true;
        }
        finally
        {
            // Complete the read even after an exception: Kestrel cannot answer while a read is open.
            reader.AdvanceTo(read.Buffer.End);
        }
    }

    /// <summary>Waits for the rest of the body.</summary>
    /// <returns>The body, or its beginning if it exceeds the limit.</returns>
    private async Task<ReadOnlySequence<byte>> ReadOnAsync(PipeReader reader, CallerMetrics metrics, ValueTask<ReadResult> reading)
    {
        // Copy the pieces instead of leaving them in the pipe until the body is complete. Otherwise Kestrel cannot end a cut-off request, and logs a stack
        // trace for it.
        var pieces = new ArrayBufferWriter<byte>();
        try
        {
            while (true)
            {
                var read = await reading;
                foreach (var segment in read.Buffer)
                {
                    pieces.Write(segment.Span);
                }

                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted || pieces.WrittenCount > _maxBytes + MaxSurroundingBytes)
                {
                    return new ReadOnlySequence<byte>(pieces.WrittenMemory);
                }

                reading = reader.ReadAsync();
            }
        }
        catch (Exception exception) when (IngestRequest.IsBrokenBody(exception))
        {
            throw IngestRequest.CountBrokenBody(metrics, exception);
        }
    }

    /// <summary>Parses the body.</summary>
    /// <param name="body">The whole body, or its beginning if it exceeds the limit.</param>
    /// <param name="reason">The reason of the refusal; null if the body is too large.</param>
    /// <returns>Null for a refused body.</returns>
    private AppendGroup? Take(in ReadOnlySequence<byte> body, Caller caller, string? key, out RejectReason? reason)
    {
        reason = null;
        if (body.Length > _maxBytes && IsTooLarge(body))
        {
            return null;
        }

        caller.Metrics.Bytes.Add(body.Length);
        var group = TryBuild(body, caller, key, out var rejected);
        reason = rejected;
        return group;
    }

    private Task RefuseAsync(HttpContext context, CallerMetrics metrics, RejectReason? reason)
    {
        if (reason is not { } rejected)
        {
            return RefuseTooLarge(context, metrics);
        }

        metrics.Rejected.Add(1);
        return rejected == RejectReason.None
            ? ProblemResponse.WriteAsync(context, StatusCodes.Status400BadRequest, "The body is empty: send one event as JSON.")
            : ProblemResponse.WriteAsync(context, StatusCodes.Status400BadRequest, rejected.Describe(), rejected.Field());
    }

    private Task? RefuseBody(HttpContext context, CallerMetrics metrics)
    {
        var request = context.Request;
        if (!ContentTypes.IsOneOf(request.ContentType, ContentTypes.Json))
        {
            return IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status415UnsupportedMediaType,
                "Content-Type: must be application/json in UTF-8, or absent. With curl, add -H 'Content-Type: application/json'; without it, curl -d "
                    + "declares a form.", "Content-Type");
        }

        if (!ContentTypes.IsIdentity(request.Headers.ContentEncoding))
        {
            context.Response.Headers.AcceptEncoding = "identity";
            return IngestRequest.RefuseAsync(
                context, metrics, StatusCodes.Status415UnsupportedMediaType,
                "Content-Encoding: must be absent; send a single event uncompressed.", "Content-Encoding");
        }

        return request.ContentLength > _maxBytes + MaxSurroundingBytes ? RefuseTooLarge(context, metrics) : null;
    }

    private bool IsTooLarge(in ReadOnlySequence<byte> body) =>
        body.Length > _maxBytes + MaxSurroundingBytes || body.ToArray().AsSpan().Trim(" \t\r\n"u8).Length > _maxBytes;

    private Task RefuseTooLarge(HttpContext context, CallerMetrics metrics) =>
        IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status413PayloadTooLarge,
            $"The body is larger than {_maxBytes} bytes, the limit of a single event.", field: null);

    private AppendGroup? TryBuild(in ReadOnlySequence<byte> body, Caller caller, string? key, out RejectReason reason)
    {
        if (body.IsSingleSegment)
        {
            return TryBuild(body.FirstSpan, caller, key, out reason);
        }

        var length = (int)body.Length;
        var copy = ArrayPool<byte>.Shared.Rent(length);
        body.CopyTo(copy);
        var group = TryBuild(copy.AsSpan(0, length), caller, key, out reason);
        ArrayPool<byte>.Shared.Return(copy);
        return group;
    }

    private AppendGroup? TryBuild(ReadOnlySpan<byte> body, Caller caller, string? key, out RejectReason reason)
    {
        if (!ReferenceEquals(_perThread.Owner, this))
        {
            _perThread = (this, new AppendGroupBuilder(types, time));
        }

        var builder = _perThread.Builder;

        // An earlier request may have failed with an exception and left its event here. Its client got a 500, so that event must not be appended now.
        builder.Clear();
        if (builder.Add(body, out reason) != ParseOutcome.Event)
        {
            return null;
        }

        if (key is null)
        {
            return builder.Build(traceParent: IngestRequest.TraceParent(), caller: caller.Name);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        return builder.Build(key, hash, IngestRequest.TraceParent(), caller: caller.Name);
    }
}

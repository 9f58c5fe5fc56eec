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

/// <summary><c>POST /liveEvent</c>: one event, answered once it is on disk. The hot path: no model binding, no copy of the body where it lies in one piece, no log line.</summary>
internal sealed class SingleEvent(EventLogWriter log, AccessControl access, EventTypes types, TimeProvider time, IOptions<ApiOptions> options, IngestMetrics metrics, ILogger<SingleEvent> logger)
{
    /// <summary>A builder a thread: between its first and last use for a request nothing is awaited.</summary>
    [ThreadStatic]
    private static (SingleEvent Owner, AppendGroupBuilder Builder) _perThread;

    /// <summary>White space around an event, a newline at its end for example, does not count against its size.</summary>
    private const int MaxSurroundingBytes = 1 << 10;

    private readonly int _maxBytes = options.Value.MaxEventBytes;

    /// <summary>Takes the request from its headers to its answer, mistakes included.</summary>
    /// <remarks>A body that has come with its headers, as small ones do, costs one state machine: that of the wait for the disk.</remarks>
    public Task HandleAsync(HttpContext context)
    {
        try
        {
            if ((IngestRequest.Refuse(context, access, metrics, out var key) ?? RefuseBody(context)) is { } refusal)
            {
                return GuardAsync(context, refusal);
            }

            var reading = context.Request.BodyReader.ReadAsync();
            if (!reading.IsCompletedSuccessfully)
            {
                return ReadOnAsync(context, reading, key);
            }

            var read = reading.Result;
            return read.IsCompleted ? TakeAsync(context, read.Buffer, context.Request.BodyReader, key) : ReadOnAsync(context, new ValueTask<ReadResult>(read), key);
        }
        catch (Exception exception)
        {
            return ErrorResponses.AnswerAsync(context, exception, logger);
        }
    }

    /// <summary>Waits for the rest of the body.</summary>
    private async Task ReadOnAsync(HttpContext context, ValueTask<ReadResult> reading, string? key)
    {
        try
        {
            // What comes in pieces is put together here. Left in the pipe until it is whole, looked at and not consumed, it would bring the server into a state
            // in which it cannot even end a request that is cut off, and complains with a stack trace for each.
            var reader = context.Request.BodyReader;
            ArrayBufferWriter<byte>? pieces = null;
            ReadResult read;
            while (!(read = await reading).IsCompleted && (pieces?.WrittenCount ?? 0) + read.Buffer.Length <= _maxBytes + MaxSurroundingBytes)
            {
                Move(read.Buffer, reader, pieces ??= new ArrayBufferWriter<byte>());
                reading = reader.ReadAsync();
            }

            if (pieces is null)
            {
                await TakeAsync(context, read.Buffer, reader, key);
                return;
            }

            Move(read.Buffer, reader, pieces);
            await TakeAsync(context, new ReadOnlySequence<byte>(pieces.WrittenMemory), reader: null, key);
        }
        catch (Exception exception) when (IngestRequest.IsBrokenBody(exception))
        {
            await GuardAsync(context, IngestRequest.RefuseBrokenBodyAsync(context, metrics, exception));
        }
        catch (Exception exception)
        {
            await ErrorResponses.AnswerAsync(context, exception, logger);
        }
    }

    private static void Move(in ReadOnlySequence<byte> from, PipeReader reader, ArrayBufferWriter<byte> to)
    {
        foreach (var segment in from)
        {
            to.Write(segment.Span);
        }

        reader.AdvanceTo(from.End);
    }

    /// <summary>Parses the body and lets go of it; then the append, or the refusal, is under way.</summary>
    /// <param name="context">The request.</param>
    /// <param name="body">All of it, or more than may be.</param>
    /// <param name="reader">Where it lies; null when it is no longer there.</param>
    /// <param name="key">The Idempotency-Key.</param>
    private Task TakeAsync(HttpContext context, in ReadOnlySequence<byte> body, PipeReader? reader, string? key)
    {
        if (body.Length > _maxBytes && IsTooLarge(body))
        {
            reader?.AdvanceTo(body.End);
            return GuardAsync(context, RefuseTooLarge(context));
        }

        metrics.CountBytes(body.Length);
        AppendGroup? group;
        RejectReason reason;
        try
        {
            group = TryBuild(body, key, out reason);
        }
        finally
        {
            // Also after a mistake of ours: the server cannot go on, not even answer, while a read is open.
            reader?.AdvanceTo(body.End);
        }

        if (group is not null)
        {
            return AppendAsync(context, group);
        }

        metrics.CountRejected(1);
        return GuardAsync(context, reason == RejectReason.None
            ? Problems.WriteAsync(context, StatusCodes.Status400BadRequest, "The body is empty: send one event as JSON.")
            : Problems.WriteAsync(context, StatusCodes.Status400BadRequest, reason.Describe(), reason.Field()));
    }

    private async Task AppendAsync(HttpContext context, AppendGroup group)
    {
        try
        {
            // Not cancelled by the client's going away: the wait is one fsync, and the write happens all the same.
            var result = await log.AppendAsync(group, CancellationToken.None);
            if (result.Status is not (AppendStatus.Appended or AppendStatus.Repeated))
            {
                await IngestRequest.AnswerFailureAsync(context, metrics, result, events: 1);
                return;
            }

            if (result.Status == AppendStatus.Appended)
            {
                metrics.CountAccepted();
            }
            else
            {
                metrics.CountRepeated(1);
            }

            await ReceiptWriter.WriteAsync(context.Response, result.Receipt);
        }
        catch (Exception exception)
        {
            await ErrorResponses.AnswerAsync(context, exception, logger);
        }
    }

    /// <summary>Answers what goes wrong while an answer is written.</summary>
    private async Task GuardAsync(HttpContext context, Task answer)
    {
        try
        {
            await answer;
        }
        catch (Exception exception)
        {
            await ErrorResponses.AnswerAsync(context, exception, logger);
        }
    }

    private Task? RefuseBody(HttpContext context)
    {
        var request = context.Request;
        if (!ContentTypes.IsOneOf(request.ContentType, ContentTypes.Json))
        {
            return IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status415UnsupportedMediaType,
                "Content-Type: must be application/json in UTF-8, or absent. With curl add: -H 'Content-Type: application/json' (curl -d sends form encoding otherwise).", "Content-Type");
        }

        if (!ContentTypes.IsIdentity(request.Headers.ContentEncoding))
        {
            context.Response.Headers.AcceptEncoding = "identity";
            return IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status415UnsupportedMediaType, "Content-Encoding: a single event is sent uncompressed.", "Content-Encoding");
        }

        return request.ContentLength > _maxBytes + MaxSurroundingBytes ? RefuseTooLarge(context) : null;
    }

    private bool IsTooLarge(in ReadOnlySequence<byte> body) =>
        body.Length > _maxBytes + MaxSurroundingBytes || body.ToArray().AsSpan().Trim(" \t\r\n"u8).Length > _maxBytes;

    private Task RefuseTooLarge(HttpContext context) =>
        IngestRequest.RefuseAsync(context, metrics, StatusCodes.Status413PayloadTooLarge, $"The body is larger than {_maxBytes} bytes, the limit of a single event.", field: null);

    private AppendGroup? TryBuild(in ReadOnlySequence<byte> body, string? key, out RejectReason reason)
    {
        if (body.IsSingleSegment)
        {
            return TryBuild(body.FirstSpan, key, out reason);
        }

        var length = (int)body.Length;
        var copy = ArrayPool<byte>.Shared.Rent(length);
        body.CopyTo(copy);
        var group = TryBuild(copy.AsSpan(0, length), key, out reason);
        ArrayPool<byte>.Shared.Return(copy);
        return group;
    }

    private AppendGroup? TryBuild(ReadOnlySpan<byte> body, string? key, out RejectReason reason)
    {
        if (!ReferenceEquals(_perThread.Owner, this))
        {
            _perThread = (this, new AppendGroupBuilder(types, time));
        }

        var builder = _perThread.Builder;

        // A request that ended in an exception may have left its event behind: it was answered 500 and must not ride along with this one.
        builder.Clear();
        if (builder.Add(body, out reason) != ParseOutcome.Event)
        {
            return null;
        }

        if (key is null)
        {
            return builder.Build(traceParent: IngestRequest.TraceParent());
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        return builder.Build(key, hash, IngestRequest.TraceParent());
    }
}

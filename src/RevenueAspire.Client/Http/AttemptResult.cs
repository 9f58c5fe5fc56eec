namespace RevenueAspire.Client.Http;

/// <summary>The outcome of an attempt.</summary>
internal enum AttemptOutcome
{
    /// <summary>202: at least one line is durable in the log; <see cref="AttemptResult.Rejected"/> lists the rejected lines.</summary>
    Accepted,

    /// <summary>400: no line is a valid event; nothing was appended.</summary>
    Rejected,

    /// <summary>408, 429, 5xx, no connection, a broken connection, or a time-out: send it again with the same key.</summary>
    TryAgain,

    /// <summary>401, or 403 for a token: the API refuses the credential. <see cref="AttemptResult.Detail"/> completes "The API at URL ...".</summary>
    Unauthorized,

    /// <summary>413: the body is too large.</summary>
    TooLarge,

    /// <summary>422: the API has the key with another body.</summary>
    KeyConflict,

    /// <summary>A permanent error that is not from the API, such as an untrusted certificate, a redirect, or a refusal by a proxy.
    /// <see cref="AttemptResult.Detail"/> is the cause.</summary>
    Impossible,

    /// <summary>Any other answer; the address is probably not the API's.</summary>
    Unexpected,
}

/// <summary>A line of a batch that is not a valid event.</summary>
/// <param name="Line">Number in the body, from 1.</param>
/// <param name="Reason">The reason, for people.</param>
internal readonly record struct BatchReject(int Line, string Reason = "");

internal sealed record AttemptResult(AttemptOutcome Kind)
{
    /// <summary>A shared instance for the most frequent answer.</summary>
    public static readonly AttemptResult OneAccepted = new(AttemptOutcome.Accepted) { Accepted = 1 };

    public int Accepted { get; init; }

    /// <summary>Number of rejected lines. A correct answer lists all of them.</summary>
    public int RejectedCount { get; init; }

    public IReadOnlyList<BatchReject> Rejected { get; init; } = [];

    /// <summary>The message of the API or of the connection.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Whether <see cref="Detail"/> is the API's text. False for a proxy's page.</summary>
    public bool IsExplained { get; init; }

    /// <summary>The wait that the API asks for; at most one day.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>429: the API is available, but this client has used up its rate limit.</summary>
    public bool IsLimited { get; init; }

    /// <summary>Whether the request was not sent because there is no token.</summary>
    public bool IsUnsent { get; init; }

    /// <summary>Set if the lines were accepted by another log than the run's first one. The run must stop.</summary>
    public string? OtherLog { get; init; }
}

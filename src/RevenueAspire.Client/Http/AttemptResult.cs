namespace RevenueAspire.Client.Http;

/// <summary>What an answer of the API means for a request.</summary>
internal enum AttemptOutcome
{
    /// <summary>202: at least one line is on disk there; <see cref="AttemptResult.Rejected"/> lists the others.</summary>
    Accepted,

    /// <summary>400: nothing in it is an event, and nothing was appended.</summary>
    Rejected,

    /// <summary>408, 429, 5xx, no connection, a broken one, or a time-out: send it again with the same key.</summary>
    TryAgain,

    /// <summary>401: the API refuses the secret.</summary>
    Unauthorized,

    /// <summary>413: the body is too large.</summary>
    TooLarge,

    /// <summary>422: the key is known with another body.</summary>
    KeyConflict,

    /// <summary>No answer of the API's, and a repeat would meet the same: an untrusted certificate, a redirect, a refusal by a proxy.
    /// <see cref="AttemptResult.Detail"/> is the cause.</summary>
    Impossible,

    /// <summary>Anything else: not the API that was expected.</summary>
    Unexpected,
}

/// <summary>A line of a batch that is no event.</summary>
/// <param name="Line">Number in the body, from 1.</param>
/// <param name="Reason">Why, for people.</param>
internal readonly record struct BatchReject(int Line, string Reason = "");

internal sealed record AttemptResult(AttemptOutcome Kind)
{
    /// <summary>Shared by the most frequent answer, which has nothing else to say.</summary>
    public static readonly AttemptResult OneAccepted = new(AttemptOutcome.Accepted) { Accepted = 1 };

    public int Accepted { get; init; }

    /// <summary>Lines that were not; as many as are listed, where the API keeps its word.</summary>
    public int RejectedCount { get; init; }

    public IReadOnlyList<BatchReject> Rejected { get; init; } = [];

    /// <summary>What the API, or the connection, says about it.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Whether <see cref="Detail"/> is the API's own text: a proxy's page in its place has none.</summary>
    public bool IsExplained { get; init; }

    /// <summary>How long the API asks to wait; a day at most.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Set when the lines are accepted, but by another log than the run began with: the run must not go on.</summary>
    public string? OtherLog { get; init; }
}

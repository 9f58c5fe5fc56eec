using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

internal enum RequestState
{
    /// <summary>No answer yet: it may be in the log, as a whole and once.</summary>
    Open,

    /// <summary>Acknowledged: it is in the log, as a whole and once.</summary>
    Acknowledged,

    /// <summary>Answered with "nothing was appended", at its only attempt: it is not in the log.</summary>
    Refused,
}

/// <summary>
/// One request for events, and what is known of it. Each of its events carries <c>"id":"REQUEST/INDEX"</c>, so that every one can be found again.
/// </summary>
/// <param name="id">Its name, unique in the run.</param>
/// <param name="key">Its idempotency key, or null.</param>
/// <param name="events">The valid events, in order.</param>
internal sealed class SentRequest(string id, string? key, IReadOnlyList<RevenueEvent> events)
{
    private volatile RequestState _state;

    public string Id { get; } = id;

    public string? Key { get; } = key;

    public IReadOnlyList<RevenueEvent> Events { get; } = events;

    public RequestState State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>How often it may be in the log at most: more than once when it was sent again on purpose, after its key was forgotten.</summary>
    public int AllowedTimes { get; set; } = 1;

    /// <summary>How many keyed requests there had been when it was sent first, itself included.</summary>
    public long KeyedBefore { get; set; }

    /// <summary>The receipt, once acknowledged over HTTP by us; null for what the client sent.</summary>
    public string? Receipt { get; set; }

    public string EventJson(int index) => Events[index].ToJson($"{Id}/{index}");
}

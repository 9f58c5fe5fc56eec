using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

internal enum RequestState
{
    /// <summary>No answer yet: the log contains the whole request once, or no part of it.</summary>
    Open,

    /// <summary>Acknowledged: the log contains the whole request once.</summary>
    Acknowledged,

    /// <summary>Its only attempt was answered with "Nothing was appended": the log contains no part of it.</summary>
    Refused,
}

/// <summary>
/// One request with events, and its known state. Each event carries <c>"id":"REQUEST/INDEX"</c>, which identifies it in the log.
/// </summary>
/// <param name="id">Name of the request, unique in the run.</param>
/// <param name="key">Idempotency key, or null.</param>
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

    /// <summary>Maximum number of copies in the log. More than one after deliberate repeats with a forgotten key.</summary>
    public int AllowedTimes { get; set; } = 1;

    /// <summary>Number of keyed requests that all clients had sent when this one was first sent, including it.</summary>
    public long KeyedBefore { get; set; }

    /// <summary>The receipt of a request that the tool itself sent and the API acknowledged; null for requests of the product's client.</summary>
    public string? Receipt { get; set; }

    public string EventJson(int index) => Events[index].ToJson($"{Id}/{index}");
}

using System.Collections.Concurrent;

namespace RevenueAspire.Torture.Load;

/// <summary>Everything that was sent to the API, by id. Thread-safe.</summary>
internal sealed class Sent
{
    private readonly ConcurrentDictionary<string, SentRequest> _requests = new(StringComparer.Ordinal);
    /// <summary>Lines that are added before they are sent, one after the other: of a file of each client.</summary>
    private const int AddedAhead = 2 * ClientLoad.MaxKeptLines;

    private int _next;
    private long _keyed;

    /// <summary>All requests so far.</summary>
    public ICollection<SentRequest> All => _requests.Values;

    public string NextId(string prefix) => prefix + Interlocked.Increment(ref _next).ToString(null, null);

    /// <summary>Keyed requests so far, whoever sends them.</summary>
    public long Keyed => Volatile.Read(ref _keyed);

    /// <summary>Whether the API surely knows the request's key yet: no more keyed records can have come after it than the window has.</summary>
    public bool IsRemembered(SentRequest request, long window) => Keyed - request.KeyedBefore + AddedAhead < window;

    /// <summary>Before its first byte leaves.</summary>
    public void Add(SentRequest request)
    {
        request.KeyedBefore = request.Key is null ? Keyed : Interlocked.Increment(ref _keyed);
        _requests.TryAdd(request.Id, request);
    }

    public SentRequest? Find(string id) => _requests.GetValueOrDefault(id);
}

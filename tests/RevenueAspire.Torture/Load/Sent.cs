using System.Collections.Concurrent;

namespace RevenueAspire.Torture.Load;

/// <summary>Everything that was sent to the API, by id. Thread-safe.</summary>
internal sealed class Sent
{
    private readonly ConcurrentDictionary<string, SentRequest> _requests = new(StringComparer.Ordinal);
    private int _next;

    /// <summary>All requests so far.</summary>
    public ICollection<SentRequest> All => _requests.Values;

    public string NextId(string prefix) => prefix + Interlocked.Increment(ref _next).ToString(null, null);

    /// <summary>Before its first byte leaves.</summary>
    public void Add(SentRequest request) => _requests.TryAdd(request.Id, request);

    public SentRequest? Find(string id) => _requests.GetValueOrDefault(id);
}

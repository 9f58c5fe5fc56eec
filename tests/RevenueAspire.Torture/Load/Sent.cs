using System.Collections.Concurrent;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

/// <summary>All requests to the API, by id. Thread-safe.</summary>
internal sealed class Sent
{
    /// <summary>The files, one per client, whose requests are listed here before they are sent.</summary>
    private const int AddedAhead = 2 * ClientLoad.MaxKeptLines;

    private readonly ConcurrentDictionary<string, SentRequest> _requests = new(StringComparer.Ordinal);
    private int _next;
    private long _keyed;

    /// <summary>All requests so far.</summary>
    public ICollection<SentRequest> All => _requests.Values;

    public string NextId(string prefix) => prefix + Interlocked.Increment(ref _next).ToString(null, null);

    /// <summary>Number of requests with a key so far, from all clients.</summary>
    public long Keyed => Volatile.Read(ref _keyed);

    /// <summary>Whether the API certainly still knows the request's key, because fewer keyed records than the window size can have followed it.</summary>
    public bool IsRemembered(SentRequest request, long window) => Keyed - request.KeyedBefore + AddedAhead < window;

    /// <summary>Adds a request to the list. Call this before sending its first byte.</summary>
    public void Add(SentRequest request)
    {
        request.KeyedBefore = request.Key is null ? Keyed : Interlocked.Increment(ref _keyed);
        _requests.TryAdd(request.Id, request);
    }

    /// <summary>Writes a file for the client. The checks treat each line as a request: the log must have each line once, even from a batch.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Unique name of the file, without the letter l.</param>
    /// <param name="key">Placeholder for the keys, which the client generates.</param>
    /// <param name="random">Decides the content.</param>
    /// <param name="lines">Number of valid lines.</param>
    /// <param name="users">Largest number of users.</param>
    public (EventFile File, SentRequest[] Requests) WriteFile(string path, string name, string key, Random random, int lines, int users)
    {
        var file = EventFile.Write(path, random, lines, users, badEvery: random.Next(2) * 100, number => Id(number) + "/0");
        SentRequest[] requests = [.. file.Valid.Select((e, number) => new SentRequest(Id(number), key, [e]))];
        Array.ForEach(requests, Add);
        return (file, requests);

        string Id(int number) => $"{name}l{number.ToString(null, null)}";
    }

    public SentRequest? Find(string id) => _requests.GetValueOrDefault(id);
}

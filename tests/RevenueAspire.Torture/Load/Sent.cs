using System.Collections.Concurrent;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

/// <summary>Everything that was sent to the API, by id. Thread-safe.</summary>
internal sealed class Sent
{
    /// <summary>Lines that are added before they are sent, one after the other: of a file of each client.</summary>
    private const int AddedAhead = 2 * ClientLoad.MaxKeptLines;

    private readonly ConcurrentDictionary<string, SentRequest> _requests = new(StringComparer.Ordinal);
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

    /// <summary>Writes a file for the client. Each line is a request to the checks: in a batch, too, the log must have it once.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Unique name of the file, without the letter l.</param>
    /// <param name="key">Stands for the keys, which the client makes.</param>
    /// <param name="random">Decides.</param>
    /// <param name="lines">Valid lines.</param>
    /// <param name="users">Users at most.</param>
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

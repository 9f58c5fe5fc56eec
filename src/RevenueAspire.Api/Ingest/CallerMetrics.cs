namespace RevenueAspire.Api.Ingest;

/// <summary>Counts the requests and events of one caller. Thread-safe.</summary>
/// <param name="caller">Value of the tag <c>caller</c>; null for no tag.</param>
internal sealed class CallerMetrics(string? caller)
{
    private readonly StripedCount _acceptedSingly = new();
    private readonly StripedCount _acceptedInBatches = new();
    private readonly StripedCount _batches = new();
    private readonly StripedCount _repeated = new();
    private readonly StripedCount _rejected = new();
    private readonly StripedCount _refused = new();
    private readonly StripedCount _limited = new();
    private readonly StripedCount _bytes = new();

    public string? Caller { get; } = caller;

    public long Bytes => _bytes.Sum;

    /// <summary>Counts an accepted request of one event.</summary>
    public void CountAccepted() => _acceptedSingly.Add(1);

    /// <summary>Counts an accepted request of many events.</summary>
    public void CountAcceptedBatch(long events)
    {
        _acceptedInBatches.Add(events);
        _batches.Add(1);
    }

    public void CountRepeated(long events) => _repeated.Add(events);

    public void CountRejected(long events) => _rejected.Add(events);

    public void CountRefused(long events) => _refused.Add(events);

    /// <summary>Counts a request over the caller's limit; its body is not read.</summary>
    public void CountLimited() => _limited.Add(1);

    public void CountBytes(long bytes) => _bytes.Add(bytes);

    /// <summary>All counts. Each is current, but together they are not a consistent snapshot.</summary>
    public IngestCounts Read()
    {
        var singly = _acceptedSingly.Sum;
        return new IngestCounts(singly + _acceptedInBatches.Sum, singly + _batches.Sum, _repeated.Sum, _rejected.Sum, _refused.Sum, _limited.Sum);
    }
}

/// <summary>Events by outcome since the start, and the number of accepted requests.</summary>
internal readonly record struct IngestCounts(long Accepted, long AcceptedRequests, long Repeated, long Rejected, long Refused, long Limited)
{
    public static IngestCounts operator +(in IngestCounts one, in IngestCounts other) => new(
        one.Accepted + other.Accepted, one.AcceptedRequests + other.AcceptedRequests, one.Repeated + other.Repeated, one.Rejected + other.Rejected,
        one.Refused + other.Refused, one.Limited + other.Limited);
}

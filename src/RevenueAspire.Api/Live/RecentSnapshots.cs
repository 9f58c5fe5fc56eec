namespace RevenueAspire.Api.Live;

/// <summary>The last points of the curves. Not thread-safe.</summary>
internal sealed class RecentSnapshots
{
    /// <summary>Ten minutes at one point per second.</summary>
    public const int MaxPoints = 600;

    private readonly Queue<LiveSnapshot> _points = new(MaxPoints);

    /// <summary>Adds a point.</summary>
    /// <param name="snapshot">A snapshot with all figures.</param>
    public void Add(LiveSnapshot snapshot)
    {
        if (_points.Count == MaxPoints)
        {
            _points.Dequeue();
        }

        _points.Enqueue(snapshot);
    }

    public LiveHistory ToHistory() => new(
        [.. _points.Select(point => point.At)],
        [.. _points.Select(point => point.TotalRevenue ?? "0")],
        [.. _points.Select(point => point.EventsPerSecond ?? 0)],
        [.. _points.Select(point => point.LagBytes ?? 0)]);
}

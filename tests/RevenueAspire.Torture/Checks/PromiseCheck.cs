using RevenueAspire.Torture.Load;

namespace RevenueAspire.Torture.Checks;

/// <summary>Checks that the log has exactly the events that senders were promised.</summary>
internal static class PromiseCheck
{
    /// <summary>Compares the log with the requests.</summary>
    /// <param name="records">All records of the logs, in the order of each log.</param>
    /// <param name="sent">The requests.</param>
    /// <param name="violations">Receives each broken promise.</param>
    public static void Run(IReadOnlyList<LogRecord> records, Sent sent, Violations violations)
    {
        var found = new Dictionary<string, List<(int Index, LogRecord Record)>>(StringComparer.Ordinal);
        foreach (var record in records)
        {
            var slash = record.Id?.IndexOf('/', StringComparison.Ordinal) ?? -1;
            var request = slash < 0 ? null : sent.Find(record.Id![..slash]);
            if (request is null || !int.TryParse(record.Id.AsSpan(slash + 1), out var index) || index >= request.Events.Count)
            {
                violations.Add(ViolationKind.Repeated, $"the record at {record.Receipt} was never sent: {record.Id} {record.Event}");
                continue;
            }

            if (request.Events[index] != record.Event)
            {
                violations.Add(ViolationKind.Lost, $"the record at {record.Receipt} is {record.Event}, but {request.Events[index]} was sent");
            }

            if (!found.TryGetValue(request.Id, out var places))
            {
                found.Add(request.Id, places = []);
            }

            places.Add((index, record));
        }

        foreach (var request in sent.All)
        {
            Check(request, found.GetValueOrDefault(request.Id) ?? [], violations);
        }

        // A successful call of the service appends the whole file once, never in part.
        foreach (var file in sent.All.Where(request => request is { Key: ServiceLoad.Key, State: RequestState.Acknowledged })
            .GroupBy(request => request.Id[..request.Id.IndexOf('l', StringComparison.Ordinal)]))
        {
            var times = file.Select(request => found.GetValueOrDefault(request.Id)?.Count ?? 0).Distinct().Order().ToArray();
            if (times.Length > 1)
            {
                violations.Add(ViolationKind.Repeated, $"lines of the file {file.Key} of the client service are in the log {string.Join(" or ", times)} times");
            }
        }
    }

    private static void Check(SentRequest request, List<(int Index, LogRecord Record)> found, Violations violations)
    {
        if (found.Count == 0)
        {
            if (request.State == RequestState.Acknowledged)
            {
                violations.Add(
                    ViolationKind.Lost,
                    $"{request.Id} ({request.Events.Count} events, key {request.Key ?? "none"}) was acknowledged with {request.Receipt}, "
                    + "but is not in the log");
            }

            return;
        }

        if (request.State == RequestState.Refused)
        {
            violations.Add(ViolationKind.Repeated, $"{request.Id} was refused, but is in the log at {found[0].Record.Receipt}");
        }

        if (found.GroupBy(place => place.Index).FirstOrDefault(places => places.Count() > request.AllowedTimes) is { } twice)
        {
            violations.Add(ViolationKind.Repeated,
                $"{request.Id}/{twice.Key} (key {request.Key ?? "none"}) is in the log at {string.Join(", ", twice.Select(place => place.Record.Receipt))}");
            return;
        }

        if (found.Count % request.Events.Count != 0)
        {
            violations.Add(ViolationKind.Lost, $"{request.Id} is an atomic batch, but only {found.Count} of its {request.Events.Count} events are in the log");
            return;
        }

        for (var i = 0; i < found.Count; i++)
        {
            if (found[i].Index != i % request.Events.Count
                || (found[i].Index > 0 && (found[i].Record.LogId, found[i].Record.Offset) != (found[i - 1].Record.LogId, found[i - 1].Record.End)))
            {
                violations.Add(ViolationKind.Lost, $"{request.Id} is not in one piece in the log: event {found[i].Index} is at {found[i].Record.Receipt}");
                return;
            }
        }

        // A receipt names the first copy. Later copies came after the log forgot the key.
        if (request.Receipt is { } receipt && receipt != found[request.Events.Count - 1].Record.Receipt)
        {
            violations.Add(ViolationKind.Lost,
                $"{request.Id} has the receipt {receipt}, but its last record is at {found[request.Events.Count - 1].Record.Receipt}");
        }
    }
}

using System.Net;
using Npgsql;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>More events than the queue holds, with either engine of the log.</summary>
public abstract class FullQueueTests : IDisposable
{
    private readonly LogPlace _place;

    private protected FullQueueTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Events_beyond_the_queue_get_503_and_all_accepted_events_are_in_the_log()
    {
        await using var api = await _place.StartAsync("EventLog:QueueCapacity=1");

        var answers = await Task.WhenAll(Enumerable.Range(0, 600).Select(number => api.PostEventAsync(Sample.Add("user", number))));

        Assert.Contains(answers, answer => answer.Status == 503);
        foreach (var refused in answers.Where(answer => answer.Status != 202))
        {
            refused.ExpectProblem(503, null);
        }

        Assert.Equal(answers.Count(answer => answer.Status == 202), api.Records().Count);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    /// <summary>While the disk or the database hangs, refusals are immediate. Events in the queue get their answers when it continues.</summary>
    [Fact]
    public async Task While_commits_hang_refusals_are_immediate_and_accepted_events_complete_afterwards()
    {
        var (started, hold) = await StartHeldAsync(_place, "EventLog:QueueCapacity=4");
        await using var api = started;
        List<Task<Answer>> accepted;
        await using (hold)
        {
            accepted = [.. Enumerable.Range(0, 4).Select(number => api.PostEventAsync(Sample.Add("accepted", number)))];
            await Eventually.IsTrueAsync(() => api.Log.QueueDepth == 4);
            for (var number = 0; number < 20; number++)
            {
                var answer = number % 2 == 0 ? await api.PostEventAsync(Sample.Add("refused", 1)) : await api.PostEventsAsync(Sample.Add("refused", 1));
                answer.ExpectProblem(503, null);
            }

            Assert.All(accepted, answer => Assert.False(answer.IsCompleted));
        }

        Assert.All(await Task.WhenAll(accepted), answer => answer.Expect(HttpStatusCode.Accepted));
        Assert.Equal(Enumerable.Repeat("accepted", 4), api.Records().Select(record => record.GetProperty("userId").GetString()));
    }

    /// <summary>Starts an API that commits nothing until <c>Hold</c> is disposed.</summary>
    private protected abstract Task<(ApiHost Api, IAsyncDisposable Hold)> StartHeldAsync(LogPlace place, params string[] settings);
}

public sealed class FullQueueInFilesTests() : FullQueueTests(LogEngine.File)
{
    private protected override async Task<(ApiHost Api, IAsyncDisposable Hold)> StartHeldAsync(LogPlace place, params string[] settings)
    {
        var writer = new HeldWriter();
        return (await place.StartAsync(writer.Use, settings), writer);
    }
}

public sealed class FullQueueInPostgresTests() : FullQueueTests(LogEngine.Postgres)
{
    /// <summary>A lock on the log's row holds up its commits.</summary>
    private protected override async Task<(ApiHost Api, IAsyncDisposable Hold)> StartHeldAsync(LogPlace place, params string[] settings)
    {
        var api = await place.StartAsync(settings);
        var connection = new NpgsqlConnection(await place.DatabaseAsync() + ";Pooling=false");
        await connection.OpenAsync();
        await using var hold = new NpgsqlCommand($"begin; select from event_log where log_id = '{api.Log.LogId}' for update", connection);
        await hold.ExecuteNonQueryAsync();
        return (api, connection);
    }
}

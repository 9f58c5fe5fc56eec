using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;

namespace RevenueAspire.Pipeline.Tests.Torture;

/// <summary>The check of the log finds each kind of broken promise, and none in a correct log.</summary>
public sealed class PromiseCheckTests
{
    private const long RecordBytes = 100;
    private static readonly Guid Log = Guid.NewGuid();
    private readonly Sent _sent = new();
    private readonly List<LogRecord> _records = [];
    private readonly Violations _violations = new(_ => { });

    public PromiseCheckTests()
    {
        var single = Send("s1", "key 1", events: 1);
        var batch = Send("b2", "key 2", events: 3);
        Acknowledge(single, Append("s1", 0));
        Append("b2", 0);
        Append("b2", 1);
        Acknowledge(batch, Append("b2", 2));
    }

    [Fact]
    public void A_log_that_keeps_all_promises_has_no_violation()
    {
        // Add requests without a promise: two unanswered ones, of which one is in the log, and a refused one that is not in the log.
        Send("s3", null, events: 1);
        Append("s3", 0);
        Send("s4", null, events: 1);
        Send("s5", null, events: 1).State = RequestState.Refused;

        AssertFinds(null);
    }

    [Fact]
    public void A_missing_acknowledged_request_is_a_loss()
    {
        _records.RemoveAll(record => record.Id == "s1/0");

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void A_partial_batch_is_a_loss()
    {
        _records.RemoveAll(record => record.Id == "b2/1");

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void A_batch_interrupted_by_another_request_is_a_loss()
    {
        _records.RemoveAll(record => record.Id == "b2/2");
        Send("s3", null, events: 1);
        Append("s3", 0);
        Append("b2", 2);

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void A_batch_in_another_order_is_a_loss()
    {
        (_records[1], _records[2]) = (_records[1] with { Id = "b2/1", Event = _records[2].Event }, _records[2] with { Id = "b2/0", Event = _records[1].Event });

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void An_event_with_a_changed_value_is_a_loss()
    {
        _records[2] = _records[2] with { Event = _records[2].Event with { Value = _records[2].Event.Value + 1 } };

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void A_receipt_for_another_record_is_a_loss()
    {
        _sent.Find("s1")!.Receipt = _records[1].Receipt;

        AssertFinds(ViolationKind.Lost);
    }

    [Fact]
    public void A_request_that_appears_twice_is_a_repeat()
    {
        Append("s1", 0);

        AssertFinds(ViolationKind.Repeated);
    }

    [Fact]
    public void A_deliberate_repeat_is_allowed()
    {
        Append("s1", 0);
        _sent.Find("s1")!.AllowedTimes = 2;

        AssertFinds(null);
    }

    [Fact]
    public void A_refused_request_in_the_log_is_a_repeat()
    {
        Send("s3", null, events: 1).State = RequestState.Refused;
        Append("s3", 0);

        AssertFinds(ViolationKind.Repeated);
    }

    [Theory]
    [InlineData("s9/0")]
    [InlineData("s1/1")]
    [InlineData("s1")]
    [InlineData(null)]
    public void A_record_that_was_never_sent_is_a_repeat(string? id)
    {
        var end = _records[^1].End;
        _records.Add(new LogRecord(Log, end, end + RecordBytes, id, new RevenueEvent("user1", "add_revenue", 1)));

        AssertFinds(ViolationKind.Repeated);
    }

    [Fact]
    public void Lines_of_one_service_file_that_appear_unequally_often_are_a_repeat()
    {
        foreach (var (id, times) in new[] { ("f1l1", 2), ("f1l2", 1) })
        {
            var request = Send(id, ServiceLoad.Key, events: 1);
            request.AllowedTimes = 2;
            for (var i = 0; i < times; i++)
            {
                Append(id, 0);
            }

            request.State = RequestState.Acknowledged;
        }

        AssertFinds(ViolationKind.Repeated);
    }

    private SentRequest Send(string id, string? key, int events)
    {
        var request = new SentRequest(id, key, [.. Enumerable.Range(0, events).Select(i => new RevenueEvent($"user{i}", "add_revenue", 10 + i))]);
        _sent.Add(request);
        return request;
    }

    private LogRecord Append(string id, int index)
    {
        var from = _records.Count == 0 ? 0 : _records[^1].End;
        var record = new LogRecord(Log, from, from + RecordBytes, FormattableString.Invariant($"{id}/{index}"), _sent.Find(id)!.Events[index]);
        _records.Add(record);
        return record;
    }

    private static void Acknowledge(SentRequest request, LogRecord last)
    {
        request.Receipt = last.Receipt;
        request.State = RequestState.Acknowledged;
    }

    /// <summary>Asserts violations of exactly this kind; null for none.</summary>
    private void AssertFinds(ViolationKind? expected)
    {
        PromiseCheck.Run(_records, _sent, _violations);
        foreach (var kind in Enum.GetValues<ViolationKind>())
        {
            Assert.Equal(kind == expected, _violations.Count(kind) > 0);
        }
    }
}

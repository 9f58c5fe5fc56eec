using System.Diagnostics;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Processing;

/// <summary>Applies a log up to its current durable mark. Thread-safe.</summary>
internal sealed class LogProcess(ApplyServices services)
{
    /// <summary>Processes a log, together with other processors.</summary>
    /// <exception cref="SourceStoppedException">The log differs from the one already applied, or contains an unknown event.</exception>
    public Task<ProcessOutcome> RunAsync(LogSourceReader log, string name, RunProgress progress, CancellationToken cancellationToken) =>
        services.ApplyUntilConfirmedAsync(() => ApplyAsync(log, name, progress, cancellationToken), progress, cancellationToken);

    private async Task<(ProcessOutcome Outcome, IReadOnlyCollection<(Guid SourceId, long Through)> Applied)> ApplyAsync(
        LogSourceReader log, string name, RunProgress progress, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var source = await services.Retry.RunAsync(token => services.Sources.OpenLogAsync(log.LogId, log.Name, token), cancellationToken).ConfigureAwait(false);
        SourceCheck.Verify(log, source);
        var through = log.ReadEnd();
        progress.Begin(source.AppliedThrough, through);
        progress.Phase = "counting";
        using var run = new SourceApplier(services, log, source.Id, through, progress.Counters);
        var after = await run.RunAsync(cancellationToken).ConfigureAwait(false);
        var rejected = after.RejectsThrough - source.RejectsThrough;
        var counters = progress.Counters;
        var outcome = new ProcessOutcome(
            name,
            source.AppliedThrough >= through ? "already counted" : "counted",
            after.EventsThrough - source.EventsThrough,
            counters.Users,
            counters.UsersAreExact,
            rejected,
            after.AppliedThrough - source.AppliedThrough,
            Stopwatch.GetElapsedTime(started),
            rejected == 0 ? []
                : [$"{name}: rejected lines are in the table rejected_event: select line, reason, beginning from rejected_event where source_id = "
                + $"'{source.Id}' order by line"]);
        return (outcome, [(source.Id, through)]);
    }
}

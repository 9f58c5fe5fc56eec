using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>Begins a run of the tool, or finds the run to resume. The file's content and the API's log identify a run; paths and addresses are only hints. For
/// one thread.</summary>
/// <param name="directory">Directory of the journals.</param>
/// <param name="api">The destination.</param>
/// <param name="log">The API's current log; null if the API does not report it. Then the address identifies the log.</param>
/// <param name="observer">Receives warnings.</param>
/// <param name="time">The clock, for timestamps that people read.</param>
internal sealed class JobOpener(string directory, ApiConnection api, LogState? log, ISendObserver observer, TimeProvider time)
{
    /// <summary>Begins a new run, even if an earlier one could be resumed. Journals of other contents are kept.</summary>
    /// <exception cref="SendException">The journal cannot be saved, or another process is sending the file.</exception>
    public async Task<SendJob> CreateAsync(InputFile input, int batch, CancellationToken cancellationToken)
    {
        if (input.IsStandardInput)
        {
            return await CreateAsync(input, RunJournal.Open(directory, JournalNames.StandardInput(), input.GivenPath), batch, [], cancellationToken);
        }

        var (runs, _) = await KnownRuns.FindAsync(directory, input, cancellationToken);
        var earlier = runs.FindAll(run => run is { HasContent: true, MayBeSent: true } && IsHere(run.Entry));
        if (earlier is [{ Entry.Finished: false } stopped, ..])
        {
            var name = stopped.HasPath ? input.GivenPath : $"{input.GivenPath} (as {stopped.Entry.File})";
            observer.Warning(
                $"an earlier send of {name} stopped after line {stopped.Entry.LinesThrough}; this send starts from the beginning and counts those "
                + "lines again (--resume would continue it).");
        }

        var journal = RunJournal.Open(directory, JournalNames.Send(input.FullPath, log?.Id, api.Url), input.GivenPath);
        var replaced = new List<RunJournal>();
        try
        {
            // If a file was renamed and another file now has its path, the renamed file keeps its journal.
            if (RunJournal.TryRead(journal.FilePath) is { OpenThrough: > 0 } there && !earlier.Exists(run => run.HasPath && run.Path == journal.FilePath))
            {
                journal.SetAside(there);
            }

            foreach (var run in earlier.Where(run => run.HasPath && run.Path != journal.FilePath))
            {
                replaced.Add(Open(run, input));
            }
        }
        catch
        {
            replaced.ForEach(old => old.Dispose());
            journal.Dispose();
            throw;
        }

        return await CreateAsync(input, journal, batch, replaced, cancellationToken);
    }

    /// <summary>Finds the run of the file; it may be finished.</summary>
    /// <param name="input">The file as it is now.</param>
    /// <param name="batch">The requested batch size, or null for the recorded one.</param>
    /// <param name="cancellationToken">Cancels the reading of the file.</param>
    /// <exception cref="SendException">There is no run, or it cannot be resumed safely. The message gives no advice that could count lines twice.</exception>
    public async Task<SendJob> ResumeAsync(InputFile input, int? batch, CancellationToken cancellationToken)
    {
        var (runs, unreadable) = await KnownRuns.FindAsync(directory, input, cancellationToken);
        var run = runs.Where(run => Rank(run) is not null).MinBy(Rank) ?? throw NoRun(input, runs, unreadable);
        var journal = Open(run, input);
        SendJob? job = null;
        try
        {
            if (!run.HasPath)
            {
                observer.Warning($"{input.GivenPath} has the same content as {run.Entry.File}; continuing the send of that file.");
            }

            return job = await SendJob.ResumeAsync(input, journal, run.Entry, batch, cancellationToken);
        }
        finally
        {
            if (job is null)
            {
                journal.Dispose();
            }
        }
    }

    /// <summary>Ranks a run; the lowest rank is the best match, and null means no match. Content matters more than the path, which another file may have
    /// now.</summary>
    private int? Rank(KnownRun run) => run switch
    {
        { MayBeSent: true } when !run.HasContent || !IsHere(run.Entry) => null,
        { MayBeSent: false } when !IsHere(run.Entry) && run.Entry.Url != api.Url.AbsoluteUri => null,
        { MayBeSent: true, HasPath: true } => 0,
        { HasContent: true, HasPath: true } => 1,
        { MayBeSent: true } => 2,
        { HasContent: true } => 3,
        _ => 4,
    };

    private bool IsHere(JournalEntry entry) => entry.LogId is { } logId && log is not null ? logId == log.Id : entry.Url == api.Url.AbsoluteUri;

    private SendException NoRun(InputFile input, List<KnownRun> runs, string? unreadable)
    {
        if (runs.Find(run => run is { HasContent: true, MayBeSent: true }) is { } elsewhere)
        {
            return SendJob.CannotResume(input, elsewhere.Path, ResumeRules.Check(elsewhere.Entry, log) ?? "the API does not report its log id");
        }

        if (runs.Find(run => run is { HasPath: true, MayBeSent: true } && IsHere(run.Entry)) is { } changed)
        {
            return SendJob.CannotResume(input, changed.Path, SendJob.Difference(input, changed.Entry));
        }

        return unreadable is not null
            ? new SendException(
                SendFailure.CannotResume, $"The journal {unreadable} cannot be read; it may be the journal of {input.GivenPath}.")
            : new SendException(
                SendFailure.NothingToResume,
                $"Nothing to resume: no journal in {directory} records a send of {input.GivenPath} to the log of {api.Url}. It may still have been sent: "
                + $"only the newest {EndedRuns.Kept} journals of finished sends of moved files are kept, and a send from another machine, user or data "
                + "directory has its journal elsewhere.");
    }

    private RunJournal Open(KnownRun run, InputFile input)
    {
        var journal = RunJournal.Open(directory, Path.GetFileNameWithoutExtension(run.Path), input.GivenPath);
        try
        {
            return journal.Load() == run.Entry
                ? journal
                : throw new SendException(SendFailure.LocalFile, $"{input.GivenPath} is being sent by another process (its journal is {run.Path}).");
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    private async Task<SendJob> CreateAsync(InputFile input, RunJournal journal, int batch, List<RunJournal> replaced, CancellationToken cancellationToken)
    {
        SendJob? job = null;
        try
        {
            job = await SendJob.CreateAsync(input, journal, api.Url, batch, time.GetUtcNow(), cancellationToken);
            job.Replaces(replaced);
            EndedRuns.Trim(directory);
            return job;
        }
        finally
        {
            if (job is null)
            {
                replaced.ForEach(old => old.Dispose());
                journal.Dispose();
            }
        }
    }
}

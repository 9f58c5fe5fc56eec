using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>Begins a run of the tool, or finds the one to take up: by the content of its file and the API's log. Paths and addresses are hints. For one
/// thread.</summary>
/// <param name="directory">Of the journals.</param>
/// <param name="api">Where the files go.</param>
/// <param name="log">The API's log now; null when it does not tell, then its address stands for it.</param>
/// <param name="observer">Hears what the user should know.</param>
/// <param name="time">The clock, for dates that people read.</param>
internal sealed class JobOpener(string directory, ApiConnection api, LogState? log, ISendObserver observer, TimeProvider time)
{
    /// <summary>A new run, whatever journals say. Those of other contents are kept.</summary>
    /// <exception cref="SendException">The journal cannot be kept, or another process sends the file.</exception>
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
                $"an earlier send of {name} was stopped after line {stopped.Entry.LinesThrough}; this one starts from the beginning and counts those "
                + "lines again (--resume continues instead).");
        }

        var journal = RunJournal.Open(directory, JournalNames.Send(input.FullPath, log?.Id, api.Url), input.GivenPath);
        var replaced = new List<RunJournal>();
        try
        {
            // A file that was renamed since keeps its journal, though another file has its old path now.
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

    /// <summary>The run of the file, which may have come to its end.</summary>
    /// <param name="input">The file as it is now.</param>
    /// <param name="batch">The batch size that was asked for, or null for the recorded one.</param>
    /// <param name="cancellationToken">Ends the reading of the file.</param>
    /// <exception cref="SendException">There is none, or it cannot be taken up safely. The message gives no advice that could count lines twice.</exception>
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
                observer.Warning($"{input.GivenPath} has the content of {run.Entry.File}, and is taken for it.");
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

    /// <summary>Content goes before path: the path of a file that was renamed may belong to another one now. The smallest is the best; null is none.</summary>
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
            return SendJob.CannotResume(input, elsewhere.Path, ResumeRules.Check(elsewhere.Entry, log) ?? "the API does not tell which log it keeps");
        }

        if (runs.Find(run => run is { HasPath: true, MayBeSent: true } && IsHere(run.Entry)) is { } changed)
        {
            return SendJob.CannotResume(input, changed.Path, SendJob.Difference(input, changed.Entry));
        }

        return unreadable is not null
            ? new SendException(
                SendFailure.CannotResume, $"The journal {unreadable} cannot be read, so whether it is the one of {input.GivenPath} is not known.")
            : new SendException(
                SendFailure.NothingToResume,
                $"Nothing to resume: the journals in {directory} know of no send of {input.GivenPath} to the log of {api.Url}. They do not prove that there "
                + $"was none: of finished sends whose file was moved, the newest {EndedRuns.Kept} are kept, and a send from another machine, user or data "
                + "directory has its journal there.");
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

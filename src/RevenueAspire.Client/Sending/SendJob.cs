using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>A file with the journal of its run: made anew, or taken up where an earlier process was stopped. For one thread at a time.</summary>
internal sealed class SendJob : IDisposable
{
    private readonly RunJournal _journal;

    private SendJob(InputFile input, RunJournal journal, JournalEntry entry, bool isResumed)
    {
        Input = input;
        _journal = journal;
        Entry = entry;
        IsResumed = isResumed;
        Digest = new SentDigest(input);
    }

    public InputFile Input { get; }

    /// <summary>The run as it was saved last.</summary>
    public JournalEntry Entry { get; private set; }

    /// <summary>Whether it goes on with an earlier process's run.</summary>
    public bool IsResumed { get; }

    /// <summary>Where rejected lines go when they cannot be written beside the input: beside the journal.</summary>
    public string OtherRejectedPath => $"{Path.ChangeExtension(_journal.FilePath, null)}.{Path.GetFileName(Input.FullPath)}{RejectedFile.Suffix}";

    /// <summary>The unfinished run that a new one replaces, or null.</summary>
    public JournalEntry? Replaced { get; private init; }

    /// <summary>Bytes that were appended to the file after the run began, and belong to another one.</summary>
    public long AddedBytes { get; private init; }

    public SentDigest Digest { get; }

    /// <summary>Begins a new run. Nothing is on disk before <see cref="Begin"/>.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="url">The API.</param>
    /// <param name="batch">Lines a request, 0 for single events.</param>
    /// <param name="now">Written into the journal for people.</param>
    public static SendJob Create(InputFile input, RunJournal journal, Uri url, int batch, DateTimeOffset now)
    {
        JournalEntry? before = null;
        try
        {
            before = journal.Load();
        }
        catch (JournalException)
        {
            // A journal that cannot be read matters to who wants to resume; a new run replaces it.
        }

        var entry = new JournalEntry
        {
            RunId = Guid.NewGuid().ToString("N"),
            File = input.FullPath,
            Url = url.AbsoluteUri,
            Length = input.Length,
            Batch = batch,
            StartedAt = now,
        };
        return new SendJob(input, journal, entry, isResumed: false) { Replaced = before is { Finished: false, OpenThrough: > 0 } ? before : null };
    }

    /// <summary>Takes up a run. A finished one is taken up as well: there is nothing left to send then.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="entry">The journal's entry.</param>
    /// <param name="batch">The batch size that was asked for, or null for the recorded one.</param>
    /// <param name="cancellationToken">Ends the reading of what was sent.</param>
    /// <exception cref="SendException">The file is not what it was, or another batch size was asked for.</exception>
    public static async Task<SendJob> ResumeAsync(InputFile input, RunJournal journal, JournalEntry entry, int? batch, CancellationToken cancellationToken)
    {
        if (entry.OpenThrough == 0 && !entry.Finished)
        {
            // Nothing of it was sent: whatever the file holds now is what the run is about.
            return new SendJob(input, journal, entry with { Length = input.Length, Batch = batch ?? entry.Batch }, isResumed: true);
        }

        if (batch is { } asked && asked != entry.Batch && !entry.Finished)
        {
            throw CannotResume(input, journal, $"it began with --batch {entry.Batch}, and its open requests can only be sent again as they were; leave the option out");
        }

        if (input.Length < entry.Length)
        {
            throw CannotResume(input, journal, $"the file is shorter ({input.Length} bytes) than when the run began ({entry.Length} bytes)");
        }

        var job = new SendJob(input, journal, entry, isResumed: true) { AddedBytes = input.Length - entry.Length };
        input.LimitTo(entry.Length);
        if (entry.OpenThrough > 0 && await job.Digest.ThroughAsync(entry.OpenThrough, cancellationToken) != entry.Digest)
        {
            job.Digest.Dispose();
            throw CannotResume(input, journal, $"the part that was sent, or may have been (the first {entry.OpenThrough} bytes), has been changed since");
        }

        return job;
    }

    /// <summary>Puts a new run on disk, before its first request; or checks that the API still knows the keys of a resumed one.</summary>
    /// <param name="log">The API's log now; null when its health does not tell.</param>
    /// <exception cref="SendException">It cannot be resumed without the danger of counting lines twice, or the journal cannot be written.</exception>
    public void Begin(LogState? log)
    {
        if (!IsResumed || Entry.OpenThrough == 0)
        {
            // No request has been sent, so whatever will be sent comes behind what the log holds now.
            Save(Entry with { LogId = log?.Id, AsOf = log?.DurableMark ?? 0 });
            return;
        }

        if (ResumeRules.Check(Entry, log) is { } reason)
        {
            throw CannotResume(Input, _journal, reason);
        }
    }

    /// <summary>Replaces the saved state. When it returns, it survives a power cut.</summary>
    /// <exception cref="JournalException">The disk refused.</exception>
    public void Save(JournalEntry entry)
    {
        _journal.Save(entry);
        Entry = entry;
    }

    public void Dispose()
    {
        Digest.Dispose();
        if (Input.IsStandardInput)
        {
            _journal.Remove();
        }

        _journal.Dispose();
        Input.Dispose();
    }

    private static SendException CannotResume(InputFile input, RunJournal journal, string reason) =>
        new(SendFailure.CannotResume, $"{input.GivenPath} cannot be resumed: {reason}. The journal of the run is {journal.FilePath}.");
}

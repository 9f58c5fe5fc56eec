using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>A file with the journal of its run: made anew, or taken up where an earlier process was stopped. For one thread at a time.</summary>
internal sealed class SendJob : IDisposable
{
    private readonly RunJournal _journal;
    private readonly List<RunJournal> _replaced = [];

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

    public SentDigest Digest { get; }

    /// <summary>Begins a new run. Nothing is on disk before <see cref="Begin"/>.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="url">The API.</param>
    /// <param name="batch">Lines a request, 0 for single events.</param>
    /// <param name="now">Written into the journal for people.</param>
    /// <param name="cancellationToken">Ends the reading of the file's beginning.</param>
    /// <exception cref="SendException">The file cannot be read.</exception>
    public static async Task<SendJob> CreateAsync(
        InputFile input, RunJournal journal, Uri url, int batch, DateTimeOffset now, CancellationToken cancellationToken)
    {
        using var head = new SentDigest(input);
        return new SendJob(
            input,
            journal,
            new JournalEntry
            {
                RunId = Guid.NewGuid().ToString("N"),
                File = input.FullPath,
                Url = url.AbsoluteUri,
                Length = input.Length,
                Batch = batch,
                Head = await head.ThroughAsync(Math.Min(input.Length, JournalEntry.HeadBytes), cancellationToken),
                StartedAt = now,
                SavedAt = now,
            },
            isResumed: false);
    }

    /// <summary>Takes up a run. A finished one is taken up as well: there is nothing left to send then, unless the file has grown.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="entry">The journal's entry.</param>
    /// <param name="batch">The batch size that was asked for, or null for the recorded one.</param>
    /// <param name="cancellationToken">Ends the reading of what was sent.</param>
    /// <exception cref="SendException">The file is not what it was, or another batch size was asked for.</exception>
    public static async Task<SendJob> ResumeAsync(InputFile input, RunJournal journal, JournalEntry entry, int? batch, CancellationToken cancellationToken)
    {
        entry = entry with { File = input.FullPath };
        if (entry.OpenThrough == 0)
        {
            // Nothing of it was sent: whatever the file holds now is what the run is about.
            return new SendJob(
                input,
                journal,
                entry with { Length = input.Length, Batch = batch ?? entry.Batch, Finished = entry.Finished && input.Length == 0 },
                isResumed: true);
        }

        if (batch is { } asked && asked != entry.Batch && !entry.Finished)
        {
            throw CannotResume(
                input,
                journal.FilePath,
                $"it began with --batch {entry.Batch}, and its open requests can only be sent again as they were; leave the option out");
        }

        var job = new SendJob(input, journal, entry, isResumed: true);
        if (input.Length < entry.Length || await job.Digest.ThroughAsync(entry.OpenThrough, cancellationToken) != entry.Digest)
        {
            job.Digest.Dispose();
            throw CannotResume(input, journal.FilePath, Difference(input, entry));
        }

        input.LimitTo(entry.Length);
        return job;
    }

    /// <summary>In which way a file is not the one that a run has sent, for people.</summary>
    public static string Difference(InputFile input, JournalEntry entry) => input.Length < entry.Length
        ? $"the file is shorter ({input.Length} bytes) than when the run began ({entry.Length} bytes)"
        : $"the part that was sent, or may have been (the first {entry.OpenThrough} bytes), has been changed since";

    /// <summary>The end of a run whose file was written over meanwhile.</summary>
    public SendException Overwritten() => new(
        SendFailure.CannotResume,
        $"{Input.GivenPath} was overwritten while it was sent: it no longer holds what was read of it. {Entry.Accepted} lines were accepted; compare the "
        + "ledger with the file, and send what is missing as a separate file.");

    /// <summary>Checks that all that was sent, also by earlier processes, is still in the file.</summary>
    /// <exception cref="SendException">It was overwritten.</exception>
    public async Task RequireUnchangedAsync(CancellationToken cancellationToken)
    {
        if (Input.CurrentLength < Entry.OpenThrough)
        {
            throw Overwritten();
        }

        using var now = new SentDigest(Input);
        if (await now.ThroughAsync(Entry.OpenThrough, cancellationToken) != Entry.Digest)
        {
            throw Overwritten();
        }
    }

    /// <summary>The refusal to take up a run.</summary>
    public static SendException CannotResume(InputFile input, string journalPath, string reason) =>
        new(SendFailure.CannotResume, $"{input.GivenPath} cannot be resumed: {reason}. The journal of the run is {journalPath}.");

    /// <summary>Journals of the same file that this run puts out of force. Disposed with the job.</summary>
    public void Replaces(List<RunJournal> journals) => _replaced.AddRange(journals);

    /// <summary>Lets a run that has come to its end go on with what was appended to its file. When it returns, that survives a power cut.</summary>
    /// <param name="length">Bytes that the run is about from now on.</param>
    /// <param name="asOf">The highest offset of the log that is known now: no request is open, so whatever will be sent comes behind it.</param>
    /// <exception cref="SendException">The disk refused.</exception>
    public void Extend(long length, long asOf)
    {
        Input.LimitTo(length);
        Save(Entry with { Length = length, AsOf = Math.Max(Entry.AsOf, asOf), Finished = false });
    }

    /// <summary>Puts a new run on disk, before its first request; or checks that the API still knows the keys of a resumed one.</summary>
    /// <param name="log">The API's log now; null when it does not tell.</param>
    /// <exception cref="SendException">It cannot be resumed without the danger of counting lines twice, or the journal cannot be written.</exception>
    public void Begin(LogState? log)
    {
        if (!IsResumed || Entry.OpenThrough == 0)
        {
            // No request has been sent, so whatever will be sent comes behind what the log holds now.
            Save(Entry with { LogId = log?.Id, AsOf = log?.DurableMark ?? 0 });
            _replaced.ForEach(old => old.Remove());
            return;
        }

        if (ResumeRules.Check(Entry, log) is { } reason)
        {
            throw CannotResume(Input, _journal.FilePath, reason);
        }
    }

    /// <summary>Replaces the saved state. When it returns, it survives a power cut.</summary>
    /// <exception cref="SendException">The disk refused.</exception>
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

        _replaced.ForEach(old => old.Dispose());
        _journal.Dispose();
        Input.Dispose();
    }
}

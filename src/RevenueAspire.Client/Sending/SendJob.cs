using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>A file with the journal of its run: a new run, or one resumed from an earlier process. For one thread at a time.</summary>
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

    /// <summary>The last saved state of the run.</summary>
    public JournalEntry Entry { get; private set; }

    /// <summary>Whether this continues the run of an earlier process.</summary>
    public bool IsResumed { get; }

    /// <summary>Path next to the journal, for rejected lines that cannot be written next to the input.</summary>
    public string OtherRejectedPath => $"{Path.ChangeExtension(_journal.FilePath, null)}.{Path.GetFileName(Input.FullPath)}{RejectedFile.Suffix}";

    public SentDigest Digest { get; }

    /// <summary>Creates a new run. Nothing is written to disk before <see cref="Begin"/>.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="url">The API's address.</param>
    /// <param name="batch">Lines per request, 0 for single events.</param>
    /// <param name="now">Start time in the journal, for people.</param>
    /// <param name="cancellationToken">Cancels the reading of the file's head.</param>
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

    /// <summary>Resumes a run. A finished run can also be resumed; it then has nothing to send unless the file has grown.</summary>
    /// <param name="input">Disposed with the job.</param>
    /// <param name="journal">Disposed with the job.</param>
    /// <param name="entry">The journal's entry.</param>
    /// <param name="batch">The requested batch size, or null for the recorded one.</param>
    /// <param name="cancellationToken">Cancels the reading of the sent part.</param>
    /// <exception cref="SendException">The file has changed, or the requested batch size differs.</exception>
    public static async Task<SendJob> ResumeAsync(InputFile input, RunJournal journal, JournalEntry entry, int? batch, CancellationToken cancellationToken)
    {
        entry = entry with { File = input.FullPath };
        if (entry.OpenThrough == 0)
        {
            // Nothing was sent yet, so the run covers the file's current content.
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
                $"it began with --batch {entry.Batch}, and its open requests must be repeated unchanged; omit --batch");
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

    /// <summary>Describes how a file differs from the one that a run sent, for people.</summary>
    public static string Difference(InputFile input, JournalEntry entry) => input.Length < entry.Length
        ? $"the file is shorter ({input.Length} bytes) than when the run began ({entry.Length} bytes)"
        : $"the part that may have been sent (the first {entry.OpenThrough} bytes) has changed since";

    /// <summary>Creates the error for a file that was overwritten during the run.</summary>
    public SendException Overwritten() => new(
        SendFailure.CannotResume,
        $"{Input.GivenPath} was overwritten during the send: it no longer contains the bytes that were read. {Entry.Accepted} lines were accepted. Compare the "
        + "ledger with the file, and send the missing lines as a separate file.");

    /// <summary>Checks that the file still contains all sent bytes, including those sent by earlier processes.</summary>
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

    /// <summary>Creates the error for a run that cannot be resumed.</summary>
    public static SendException CannotResume(InputFile input, string journalPath, string reason) =>
        new(SendFailure.CannotResume, $"{input.GivenPath} cannot be resumed: {reason}. The journal of the run is {journalPath}.");

    /// <summary>Adds journals of earlier runs of the same file, which this run replaces. They are disposed with the job.</summary>
    public void Replaces(List<RunJournal> journals) => _replaced.AddRange(journals);

    /// <summary>Extends a finished run to the bytes appended to its file. When this returns, the extension survives a power cut.</summary>
    /// <param name="length">Bytes that the run covers from now on.</param>
    /// <param name="asOf">The highest known log position. No request is open, so all further requests are appended after it.</param>
    /// <exception cref="SendException">The disk failed.</exception>
    public void Extend(long length, long asOf)
    {
        Input.LimitTo(length);
        Save(Entry with { Length = length, AsOf = Math.Max(Entry.AsOf, asOf), Finished = false });
    }

    /// <summary>Saves a new run before its first request. For a resumed run, checks that the API still remembers its keys.</summary>
    /// <param name="log">The API's log now; null if the API does not report it.</param>
    /// <exception cref="SendException">The run cannot be resumed without the risk of counting lines twice, or the journal cannot be written.</exception>
    public void Begin(LogState? log)
    {
        if (!IsResumed || Entry.OpenThrough == 0)
        {
            // No request has been sent yet, so all requests will be appended after the current end of the log.
            Save(Entry with { LogId = log?.Id, AsOf = log?.DurableMark ?? 0 });
            _replaced.ForEach(old => old.Remove());
            return;
        }

        if (ResumeRules.Check(Entry, log) is { } reason)
        {
            throw CannotResume(Input, _journal.FilePath, reason);
        }
    }

    /// <summary>Replaces the saved state. When this returns, the state survives a power cut.</summary>
    /// <exception cref="SendException">The disk failed.</exception>
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

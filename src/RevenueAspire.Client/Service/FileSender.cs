using Microsoft.Extensions.Options;
using Microsoft.Extensions.ServiceDiscovery;
using RevenueAspire.Client.Credentials;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary>The result of a run of the service.</summary>
internal sealed record FileSent(string File, long Sent, long Accepted, long Rejected);

/// <summary>Sends the configured file, one run at a time. Thread-safe.</summary>
/// <remarks>
/// The name of a run's journal depends on the file's content and the API's log, not on the build folder or the address. The next call of the same kind resumes
/// an interrupted run, so each successful call counts the file exactly once. A different log does not have the file yet, so it gets the whole file.
/// </remarks>
internal sealed partial class FileSender(
    IHttpMessageHandlerFactory http,
    ServiceEndpointResolver resolver,
    IOptions<ClientOptions> options,
    Credential credential,
    JournalDirectory journals,
    TimeProvider time,
    ILogger<FileSender> logger) : IDisposable
{
    private readonly SemaphoreSlim _running = new(1, 1);

    /// <summary>Reserves the sender for one run; null if a run is in progress. Dispose the result to release it.</summary>
    public IDisposable? TryEnter() => _running.Wait(0) ? new Place(_running) : null;

    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _running.WaitAsync(cancellationToken);
        return new Place(_running);
    }

    /// <summary>Sends the file. The caller must have the reservation of <see cref="TryEnter"/> or <see cref="EnterAsync"/>.</summary>
    /// <param name="kind">The reason for the run; each kind has separate journals.</param>
    /// <param name="again">Begins a new run even if a journal exists.</param>
    /// <param name="startPatience">Time that the API may be unavailable before the first request.</param>
    /// <param name="stop">Stops cleanly; the next call continues the run.</param>
    /// <returns>The totals of the run, or null if the file was sent before and is not sent again.</returns>
    /// <exception cref="SendException">The run ended early or could not begin.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<FileSent?> SendAsync(SendKind kind, bool again, TimeSpan startPatience, CancellationToken stop)
    {
        var settings = options.Value;
        var api = new ApiConnection(http.CreateApiInvoker(), await ApiAddress.ResolveAsync(resolver, new Uri(settings.Url), stop), credential);
        var sending = new SendSettings
        {
            Concurrency = settings.Concurrency,
            RequestTimeout = TimeSpan.FromSeconds(settings.RequestTimeoutSeconds),
            GiveUpAfter = TimeSpan.FromSeconds(settings.GiveUpAfterSeconds),
            StartPatience = startPatience,
        };
        var observer = new LogObserver(logger, time);
        using var input = await InputFile.OpenAsync(ResolveFile(settings.File), () => Stream.Null, journals.SpoolPath, stop);
        var log = await LogStateQuery.WaitAsync(api, sending, observer, time, stop);
        using var job = await OpenAsync(input, kind, again, api.Url, log, stop);
        if (job is null)
        {
            return null;
        }

        var file = job.Input.FullPath;
        job.Begin(log);
        if (job.IsResumed)
        {
            LogResumed(file, job.Entry.LinesThrough);
        }
        else
        {
            LogStarted(file, api.Url);
        }

        using var run = new SendRun(job, api, sending, observer, time);
        await run.RunAsync(stop);
        var sent = new FileSent(file, job.Entry.Accepted + job.Entry.Rejected, job.Entry.Accepted, job.Entry.Rejected);
        if (sent.Rejected > 0)
        {
            LogRejected(file, sent.Sent, sent.Accepted, sent.Rejected, job.Entry.RejectedPath!);
        }
        else
        {
            LogFinished(file, sent.Sent);
        }

        return sent;
    }

    public void Dispose() => _running.Dispose();

    private async Task<SendJob?> OpenAsync(InputFile input, SendKind kind, bool again, Uri url, LogState? log, CancellationToken stop)
    {
        using var digest = new SentDigest(input);
        var content = await digest.ThroughAsync(input.Length, stop);
        var journal = RunJournal.Open(journals.Path, JournalNames.Service(kind, content, log?.Id, url), input.FullPath);
        SendJob? job = null;
        try
        {
            var entry = again ? null : journal.Load();
            if (entry is null || (entry.Finished && kind == SendKind.Generate))
            {
                if (entry is null && !again && FindCutOff(kind, content) is { } other)
                {
                    LogOtherLog(input.FullPath, other.LinesThrough, other.LogId, log?.Id);
                }

                job = await SendJob.CreateAsync(input, journal, url, batch: 0, time.GetUtcNow(), stop);
                EndedRuns.TrimService(journals.Path, log?.Id, url);
                return job;
            }

            if (entry.Finished)
            {
                LogAlreadySent(input.FullPath, entry.SavedAt);
                return null;
            }

            return job = await SendJob.ResumeAsync(input, journal, entry, batch: null, stop);
        }
        finally
        {
            if (job is null)
            {
                journal.Dispose();
            }
        }
    }

    /// <summary>Resolves a relative path against the program's folder, or against the current directory if the program's folder has no such file.</summary>
    private static string ResolveFile(string file)
    {
        var beside = Path.GetFullPath(file, AppContext.BaseDirectory);
        return File.Exists(beside) ? beside : File.Exists(file) ? Path.GetFullPath(file) : beside;
    }

    /// <summary>Returns an interrupted run that sent the same content to another log, or null.</summary>
    private JournalEntry? FindCutOff(SendKind kind, string content)
    {
        foreach (var path in Directory.EnumerateFiles(journals.Path, JournalNames.AnyLog(kind, content)))
        {
            if (RunJournal.TryRead(path) is { Finished: false, OpenThrough: > 0 } entry)
            {
                return entry;
            }
        }

        return null;
    }

    [LoggerMessage(EventIds.SendStarted, LogLevel.Information, "Sending {File} to {Url}")]
    private partial void LogStarted(string file, Uri url);

    [LoggerMessage(EventIds.SendResumed, LogLevel.Information, "Continuing {File} after line {Line}, where an earlier run was interrupted")]
    private partial void LogResumed(string file, long line);

    [LoggerMessage(EventIds.SendFinished, LogLevel.Information, "{File} was sent: {Lines} lines")]
    private partial void LogFinished(string file, long lines);

    [LoggerMessage(
        EventIds.SendFinishedWithRejects,
        LogLevel.Warning,
        "{File} was sent: {Lines} lines, {Accepted} accepted, {Rejected} rejected; the rejected lines are in {RejectedFile}")]
    private partial void LogRejected(string file, long lines, long accepted, long rejected, string rejectedFile);

    [LoggerMessage(
        EventIds.SendToOtherLog,
        LogLevel.Warning,
        "An earlier run of {File} was interrupted after line {Line} in log {EarlierLog}; the API now has log {Log}, which contains none of it "
        + "and receives the whole file")]
    private partial void LogOtherLog(string file, long line, Guid? earlierLog, Guid? log);

    [LoggerMessage(EventIds.AlreadySent, LogLevel.Information, "{File} was already sent on {When:u} and is not sent again at start")]
    private partial void LogAlreadySent(string file, DateTimeOffset when);

    private sealed class Place(SemaphoreSlim running) : IDisposable
    {
        private SemaphoreSlim? _running = running;

        public void Dispose() => Interlocked.Exchange(ref _running, null)?.Release();
    }
}

internal sealed record JournalDirectory(string Path)
{
    /// <summary>Directory next to the journals, for copies of input that cannot be read in place.</summary>
    public string SpoolPath => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, "spool");
}

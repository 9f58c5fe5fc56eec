using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary>The end of a run of the service.</summary>
internal sealed record FileSent(string File, long Sent, long Accepted, long Rejected);

/// <summary>Sends the configured file, one run at a time. Thread-safe.</summary>
/// <remarks>
/// A run's journal is named after the file's content and the address. A run that was cut off is taken up by the next call of the same kind, so that each call that
/// succeeds stands for the file counted once, never for one and a half.
/// </remarks>
internal sealed partial class FileSender(
    IHttpClientFactory http,
    IOptions<ClientOptions> options,
    JournalDirectory journals,
    TimeProvider time,
    ILogger<FileSender> logger) : IDisposable
{
    private readonly SemaphoreSlim _running = new(1, 1);

    /// <summary>Takes the only place; null when a run is under way. Give it back with <see cref="IDisposable.Dispose"/>.</summary>
    public IDisposable? TryEnter() => _running.Wait(0) ? new Place(_running) : null;

    /// <summary>Waits for the only place.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _running.WaitAsync(cancellationToken);
        return new Place(_running);
    }

    /// <summary>Sends the file. Call it in the only place.</summary>
    /// <param name="kind">Separates the journals: <c>generate</c>, <c>start</c>.</param>
    /// <param name="isOnce">Whether content that was sent to the end before is left alone.</param>
    /// <param name="startPatience">Time that the API may be away before the first request.</param>
    /// <param name="stop">Stops cleanly; the next call goes on.</param>
    /// <returns>The totals of the run, or null when it was left alone.</returns>
    /// <exception cref="SendException">The run ended early, or did not begin.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<FileSent?> SendAsync(string kind, bool isOnce, TimeSpan startPatience, CancellationToken stop)
    {
        var settings = options.Value;
        var api = new ApiConnection(http.CreateClient(ApiHttpClient.Name), new Uri(settings.Url), settings.Secret!);
        using var job = await OpenAsync(kind, isOnce, api.Url, stop);
        if (job is null)
        {
            return null;
        }

        var file = job.Input.FullPath;
        var sending = new SendSettings
        {
            Concurrency = settings.Concurrency,
            RequestTimeout = TimeSpan.FromSeconds(settings.RequestTimeoutSeconds),
            GiveUpAfter = TimeSpan.FromSeconds(settings.GiveUpAfterSeconds),
            StartPatience = startPatience,
        };
        var observer = new LogObserver(logger, time);
        job.Begin(await LogStateQuery.WaitAsync(api, sending, observer, time, stop));
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
            LogRejected(file, sent.Sent, sent.Accepted, sent.Rejected, run.RejectedPath);
        }
        else
        {
            LogFinished(file, sent.Sent);
        }

        return sent;
    }

    public void Dispose() => _running.Dispose();

    private async Task<SendJob?> OpenAsync(string kind, bool isOnce, Uri url, CancellationToken stop)
    {
        var input = InputFile.Open(FileSettings.Resolve(options.Value.File));
        RunJournal? journal = null;
        SendJob? job = null;
        try
        {
            using var digest = new SentDigest(input);
            journal = RunJournal.Open(journals.Path, kind, input.FullPath, await digest.ThroughAsync(input.Length, stop), url.AbsoluteUri);
            var entry = journal.Load();
            if (entry is null || (entry.Finished && !isOnce))
            {
                return job = SendJob.Create(input, journal, url, batch: 0, time.GetUtcNow());
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
                journal?.Dispose();
                input.Dispose();
            }
        }
    }

    private sealed class Place(SemaphoreSlim running) : IDisposable
    {
        private SemaphoreSlim? _running = running;

        public void Dispose() => Interlocked.Exchange(ref _running, null)?.Release();
    }
}

/// <summary>Where the journals are.</summary>
internal sealed record JournalDirectory(string Path);

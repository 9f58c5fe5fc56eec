using System.Runtime.ExceptionServices;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;

namespace RevenueAspire.Client.Sending;

/// <summary>Sends one file, with a reader, several workers, and a saver.</summary>
/// <remarks>
/// After a kill at any moment, the journal contains three things: the offset before which every line is answered, the offset from which on nothing was sent,
/// and the digest of all bytes before the latter. For the bytes between the offsets, a resumed run sends the same requests with the same keys. Rejected lines
/// are on disk before the journal's offset passes them.
/// </remarks>
internal sealed class SendRun : IDisposable
{
    private readonly SendJob _job;
    private readonly ApiConnection _api;
    private readonly SendSettings _settings;
    private readonly ISendObserver _observer;
    private readonly TimeProvider _time;
    private readonly ProgressTracker _tracker;
    private readonly RejectedFile _rejected;
    private readonly SemaphoreSlim _saving = new(1, 1);
    private readonly long _carryThrough;
    private readonly long _carryAsOf;
    private readonly long _acceptedBefore;
    private readonly long _rejectedBefore;
    private Exception? _failure;
    private bool _canSave = true;

    /// <param name="job">Must have passed <see cref="SendJob.Begin"/>.</param>
    /// <param name="api">The destination.</param>
    /// <param name="settings">Limits. The job determines the batch size.</param>
    /// <param name="observer">Receives notifications.</param>
    /// <param name="time">The clock.</param>
    public SendRun(SendJob job, ApiConnection api, SendSettings settings, ISendObserver observer, TimeProvider time)
    {
        _job = job;
        _api = api;
        _settings = settings with { Batch = job.Entry.Batch };
        _observer = observer;
        _time = time;
        _tracker = new ProgressTracker(job.Entry.SentThrough, job.Entry.LinesThrough, () => Math.Max(api.Log.Highest, 0));
        _rejected = new RejectedFile(job.Input, job.OtherRejectedPath, job.Entry.RejectedPath, job.Entry.RejectedBytes);
        // For requests that an earlier process may have sent, use the log position that it recorded, not the newer one of this process.
        _carryThrough = job.Entry.OpenThrough;
        _carryAsOf = job.Entry.AsOf;
        _acceptedBefore = job.Entry.Accepted;
        _rejectedBefore = job.Entry.Rejected;
    }

    /// <summary>Bytes of the file that the API has answered, including those after a gap. May be read by any thread.</summary>
    public long AnsweredBytes => _tracker.AnsweredBytes;

    /// <summary>Lines answered in this process. May be read by any thread.</summary>
    public long AnsweredLines => _tracker.AnsweredLines;

    /// <summary>Sends the rest of the file. Afterwards the job's entry contains the totals, even after a failure.</summary>
    /// <param name="stop">Stops cleanly: requests in flight get a few seconds, and progress is saved.</param>
    /// <exception cref="SendException">The run ended early; progress is saved if the disk permits.</exception>
    /// <exception cref="OperationCanceledException">Stopped; progress is saved.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        // The caller may run on the thread that received the API's last answer. Leave that thread, because it must receive the next answers.
        await Task.Yield();
        using var halt = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var abort = new CancellationTokenSource();
        await using var graceful = halt.Token.Register(() => abort.CancelAfter(SendLimits.StopGrace));
        using var savingEnds = new CancellationTokenSource();
        using var lines = new LineReader(_job.Input, _job.Entry.SentThrough, _job.Entry.LinesThrough);

        using var keyCheck = new IdempotencyKeyCheck(_api, _job.Entry.LogId, _settings.RequestTimeout, _time);

        var requests = new RequestQueue(_settings.Concurrency);
        var sender = new RequestSender(_api, _settings, keyCheck, answer => _observer.Waiting($"{_api.Url}: {answer.Detail}"), _time, halt.Token, abort.Token);
        var workers = Enumerable.Range(0, _settings.Concurrency)
            .Select(_ => GuardAsync(() => WorkAsync(requests, sender, halt.Token, abort.Token), halt))
            .ToList();
        var saver = GuardAsync(() => SaveRegularlyAsync(savingEnds.Token), halt);
        var follower = GuardAsync(() => keyCheck.FollowAsync(SendLimits.SaveInterval, savingEnds.Token), halt);
        try
        {
            await GuardAsync(() => ReadAsync(new RequestReader(lines, _settings.Batch, _carryThrough, _carryAsOf), requests, halt.Token), halt);
        }
        finally
        {
            requests.Complete();
            await Task.WhenAll(workers);
            await savingEnds.CancelAsync();
            await saver;
            await follower;
        }

        var isComplete = _failure is null && !stop.IsCancellationRequested && !halt.IsCancellationRequested;
        if (isComplete && _job.Input.MayHaveChanged)
        {
            // Check this before the journal records that the file was sent.
            await GuardAsync(() => RequireUnchangedAsync(lines), halt);
            isComplete = _failure is null;
        }

        await GuardAsync(() => SaveAsync(isComplete), halt);
        if (_rejected.SettleAside(isComplete && _failure is null) is { } aside)
        {
            _observer.Warning(aside);
        }

        if (_failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        if (!isComplete)
        {
            throw new OperationCanceledException(stop);
        }
    }

    public void Dispose()
    {
        _rejected.Dispose();
        _saving.Dispose();
    }

    private async Task RequireUnchangedAsync(LineReader lines)
    {
        if (!await lines.IsUnchangedAsync(CancellationToken.None))
        {
            throw _job.Overwritten();
        }
    }

    private async Task ReadAsync(RequestReader reader, RequestQueue requests, CancellationToken halt)
    {
        await SaveAsync(isComplete: false);
        var pace = new Pace(_settings.Rate, _time);
        while (await reader.ReadAsync(halt) is { } request)
        {
            if (request.IsAnswered)
            {
                _tracker.Add(request);
                _tracker.Complete(request);
                continue;
            }

            await OpenWindowAsync(request.End, halt);
            await pace.WaitAsync(request.Lines, halt);
            _tracker.Add(request);
            await requests.AddAsync(request, halt);
        }
    }

    /// <summary>Waits until the journal on disk records that the bytes before an offset may have been sent.</summary>
    private async Task OpenWindowAsync(long end, CancellationToken halt)
    {
        await _tracker.WaitAsync(long.MaxValue, SendLimits.OutstandingRequests, halt);
        while (end > _job.Entry.OpenThrough)
        {
            // A save per request would be slow. Wait until a save opens a large part of the window, or no request is open.
            var window = SendLimits.WindowBytes(_settings.Batch);
            await _tracker.WaitAsync(_job.Entry.OpenThrough - window + (window / 16), 1, halt);
            await SaveAsync(isComplete: false, openAtLeast: _tracker.IsEmpty ? end : 0);
        }
    }

    private async Task WorkAsync(RequestQueue requests, RequestSender sender, CancellationToken halt, CancellationToken abort)
    {
        using var timeout = new AttemptTimeout(_settings.RequestTimeout, abort);
        var runId = _job.Entry.RunId;
        while (await requests.WaitAsync(halt))
        {
            while (!halt.IsCancellationRequested && requests.TryTake(out var request))
            {
                await sender.SendAsync(runId, request, timeout);
                request.Release();
                _tracker.Complete(request);
                if (request.OtherLog is { } other)
                {
                    throw new SendException(
                        SendFailure.CannotResume,
                        $"Sending stopped after line {request.LastLine}: the API at {_api.Url} answers {other}. Its data was replaced during the run, or "
                        + $"several APIs with a log each share this address. {ResumeRules.OtherLogAdvice}");
                }
            }
        }
    }

    private async Task SaveRegularlyAsync(CancellationToken end)
    {
        using var timer = new PeriodicTimer(SendLimits.SaveInterval, _time);
        while (await timer.WaitForNextTickAsync(end))
        {
            await SaveAsync(isComplete: false);
        }
    }

    /// <summary>Saves the progress: first the rejected lines, then the journal that counts them.</summary>
    private async Task SaveAsync(bool isComplete, long openAtLeast = 0)
    {
        await _saving.WaitAsync();
        try
        {
            if (!_canSave)
            {
                return;
            }

            // After a failed save, its rejected lines are lost, so later saves must not move the progress past them.
            _canSave = false;
            var progress = _tracker.Take();
            if (progress.NewRejected.Count > 0 && _job.Entry.RejectedPath is null)
            {
                // Save the file's name in the journal before writing its first line. So a resumed run recognises its file, and changes no other.
                _job.Save(_job.Entry with { RejectedPath = _rejected.Claim(_observer.Warning) });
            }

            await _rejected.AppendAsync(progress.NewRejected, CancellationToken.None);
            foreach (var line in progress.NewRejected)
            {
                _observer.Rejected(_job.Input.GivenPath, line);
            }

            // Open the window in steps. While workers send one step, the digest of the next one is computed.
            var window = SendLimits.WindowBytes(_settings.Batch);
            var step = Math.Min(Math.Max(_job.Entry.OpenThrough, progress.SentThrough) + (window / 8), progress.SentThrough + window);
            var openThrough = isComplete ? _job.Entry.Length : Math.Max(Math.Max(_job.Entry.OpenThrough, Math.Min(step, _job.Entry.Length)), openAtLeast);
            _job.Save(_job.Entry with
            {
                SentThrough = progress.SentThrough,
                LinesThrough = progress.LinesThrough,
                AsOf = progress.SentThrough < _carryThrough ? _carryAsOf : progress.AsOf,
                OpenThrough = openThrough,
                Digest = await _job.Digest.ThroughAsync(openThrough, CancellationToken.None),
                Accepted = _acceptedBefore + progress.Accepted,
                Rejected = _rejectedBefore + progress.Rejected,
                RejectedBytes = _rejected.Length,
                Finished = isComplete,
                SavedAt = _time.GetUtcNow(),
            });
            _canSave = true;
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>Runs one part (reader, worker or saver). The first failure stops all parts.</summary>
    private async Task GuardAsync(Func<Task> part, CancellationTokenSource halt)
    {
        try
        {
            await part();
        }
        catch (SendException failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
            await halt.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // Stopped by the caller or by another part's failure; RunAsync distinguishes the two.
        }
        catch (IOException exception)
        {
            Interlocked.CompareExchange(
                ref _failure, new SendException(SendFailure.LocalFile, $"{_job.Input.GivenPath}: {exception.Message}", exception), null);
            await halt.CancelAsync();
        }
        catch (Exception exception)
        {
            // A bug. Stop the other parts, so that they do not wait forever. RunAsync rethrows it after they have ended.
            Interlocked.CompareExchange(ref _failure, exception, null);
            await halt.CancelAsync();
        }
    }
}

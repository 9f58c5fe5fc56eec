using System.Text;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary><c>send FILE...</c>: opens all files, puts all runs on disk, and then sends one after the other.</summary>
internal sealed class SendCommand(SendArguments arguments, ClientOptions options, ApiTarget api, string journalDirectory, Terminal terminal, TimeProvider time)
{
    private readonly ApiConnection _api = new(api.Http, api.Url, arguments.Secret ?? options.Secret ?? ClientOptions.DevelopmentSecret);

    private readonly SendDisplay _display = new(terminal, time);

    private readonly SendResults _results = new(terminal, arguments.Json);

    private readonly string _spoolDirectory = Path.Combine(Path.GetDirectoryName(journalDirectory)!, "spool");

    private readonly SendSettings _settings = new()
    {
        Concurrency = arguments.Concurrency ?? options.Concurrency,
        Batch = arguments.Batch ?? 0,
        Rate = arguments.Rate,
        RequestTimeout = TimeSpan.FromSeconds(options.RequestTimeoutSeconds),
        GiveUpAfter = TimeSpan.FromSeconds(options.GiveUpAfterSeconds),
        StartPatience = TimeSpan.FromSeconds(options.GiveUpAfterSeconds),
    };

    /// <summary>Runs the command.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        var jobs = new List<SendJob>();
        SendJob? current = null;
        try
        {
            await OpenAsync(jobs, stop);
            await BeginAsync(jobs.FindAll(job => !job.Entry.Finished), stop);
            var anyRejected = false;
            foreach (var job in jobs)
            {
                current = job;
                anyRejected |= job.Entry.Finished ? SayDone(job) : await SendAsync(job, stop);
                current = null;
            }

            return _results.End(anyRejected ? ExitCodes.Rejected : ExitCodes.Done, null);
        }
        catch (SendException failure)
        {
            await terminal.Error.WriteLineAsync(failure.Message + Advice(failure));
            await SayHowToGoOnAsync(current ?? jobs.Find(job => job.Entry.OpenThrough > 0), failure.Failure);
            return _results.End(ExitCodes.NotDone, failure.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await terminal.Error.WriteLineAsync("Stopped.");
            await SayHowToGoOnAsync(current ?? jobs.Find(job => job.Entry.OpenThrough > 0), null);
            return _results.End(ExitCodes.NotDone, "Stopped.");
        }
        finally
        {
            jobs.ForEach(job => job.Dispose());
        }
    }

    /// <summary>Opens every file and journal, so that what cannot be sent is said before anything is.</summary>
    private async Task OpenAsync(List<SendJob> jobs, CancellationToken stop)
    {
        var inputs = new Queue<InputFile>();
        try
        {
            foreach (var file in arguments.Files)
            {
                inputs.Enqueue(await InputFile.OpenAsync(file, terminal.OpenInput, _spoolDirectory, stop));
            }

            while (inputs.TryPeek(out var input))
            {
                jobs.Add(await OpenAsync(input, stop));
                inputs.Dequeue();
            }
        }
        finally
        {
            foreach (var input in inputs)
            {
                input.Dispose();
            }
        }
    }

    /// <summary>Asks the API for its log, and puts all runs on disk.</summary>
    private async Task BeginAsync(List<SendJob> jobs, CancellationToken stop)
    {
        if (jobs.Count == 0)
        {
            return;
        }

        var log = await LogStateQuery.WaitAsync(_api, _settings, _display, time, stop);
        if (log is null)
        {
            _display.Warning($"the health of {_api.Url} does not tell which keys it remembers: this run cannot be resumed after a kill.");
        }

        jobs.ForEach(job => job.Begin(log));
    }

    /// <summary>A new run, or the one to resume, which may have come to its end.</summary>
    private async Task<SendJob> OpenAsync(InputFile input, CancellationToken stop)
    {
        var journal = RunJournal.Open(journalDirectory, input.IsStandardInput ? JournalNames.StandardInput() : JournalNames.Send(input.FullPath, _api.Url), input.GivenPath);
        SendJob? job = null;
        try
        {
            if (!arguments.Resume)
            {
                job = SendJob.Create(input, journal, _api.Url, _settings.Batch, time.GetUtcNow());
                if (job.Replaced is { } replaced)
                {
                    _display.Warning($"an earlier send of {input.GivenPath} was stopped after line {replaced.LinesThrough}; this one begins anew and counts those lines again (--resume would have gone on).");
                }

                return job;
            }

            var entry = journal.Load()
                ?? throw new SendException(SendFailure.NothingToResume, $"Nothing to resume: no send of {input.GivenPath} to {_api.Url} was begun. Leave --resume out.");
            job = await SendJob.ResumeAsync(input, journal, entry, arguments.Batch, stop);
            if (job.AddedBytes > 0)
            {
                _display.Warning($"{SendDisplay.Number(job.AddedBytes)} bytes were appended to {input.GivenPath} after its send had begun; they are not part of it, and not sent.");
            }

            return job;
        }
        finally
        {
            if (job is null)
            {
                journal.Dispose();
            }
        }
    }

    /// <summary>Sends one file and says how it ended.</summary>
    /// <returns>Whether lines were rejected.</returns>
    private async Task<bool> SendAsync(SendJob job, CancellationToken stop)
    {
        var file = job.Input.GivenPath;
        if (job.IsResumed && job.Entry.OpenThrough > 0)
        {
            await terminal.Error.WriteLineAsync($"{file}: going on after line {SendDisplay.Number(job.Entry.LinesThrough)}");
        }

        var start = time.GetTimestamp();
        using var run = new SendRun(job, _api, _settings, _display, time);
        try
        {
            await _display.ShowAsync(file, job.Entry.Length, job.Entry.SentThrough, run, () => run.RunAsync(stop));
        }
        catch
        {
            _results.AddStopped(job, run.RejectedPath, time.GetElapsedTime(start));
            throw;
        }
        finally
        {
            _display.EndFile(file);
        }

        _results.AddSent(job, run, time.GetElapsedTime(start));
        return job.Entry.Rejected > 0;
    }

    /// <summary>Says that an earlier process has sent all of it.</summary>
    /// <returns>Whether lines were rejected.</returns>
    private bool SayDone(SendJob job)
    {
        _results.AddSentBefore(job);
        return job.Entry.Rejected > 0;
    }

    private static string Advice(SendException failure) => failure.Failure == SendFailure.Unauthorized ? " Set --secret or Client:Secret." : "";

    /// <summary>Names the command that goes on, when some of the run may have been sent.</summary>
    private async Task SayHowToGoOnAsync(SendJob? job, SendFailure? failure)
    {
        if (job is null || job.Entry.OpenThrough == 0 || failure is SendFailure.CannotResume or SendFailure.NothingToResume or SendFailure.KeyConflict)
        {
            return;
        }

        var counted = $"{job.Input.GivenPath}: {SendDisplay.Number(job.Entry.Accepted)} lines accepted, {SendDisplay.Number(job.Entry.Rejected)} rejected, sent without a gap to line {SendDisplay.Number(job.Entry.LinesThrough)}.";
        if (job.Input.IsStandardInput)
        {
            await terminal.Error.WriteLineAsync(counted + " Standard input cannot be resumed: put what is to be sent into a file to be able to.");
            return;
        }

        var command = new StringBuilder("RevenueAspire.Client send");
        command.AppendJoin("", arguments.Files.Where(file => file != SpoolFile.StandardInput).Select(file => " " + Quoted(file)));
        if (arguments.Url is { } url)
        {
            command.Append(" --url ").Append(url);
        }

        await terminal.Error.WriteLineAsync(
            $"{counted} Go on with: {command} --resume");
    }

    private static string Quoted(string file) => file.Any(c => !char.IsAsciiLetterOrDigit(c) && !"/\\:._-+@".Contains(c)) ? $"'{file}'" : file;
}

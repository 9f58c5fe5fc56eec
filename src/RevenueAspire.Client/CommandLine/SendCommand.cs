using System.Text;
using RevenueAspire.Client.Credentials;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary><c>send FILE...</c>: opens all files, saves a journal for each run, and then sends one file after the other. <c>--json</c> prints its object even
/// after a failure.</summary>
internal sealed class SendCommand(SendArguments arguments, ClientOptions options, ApiTarget api, string journalDirectory, Terminal terminal, TimeProvider time)
{
    private readonly ApiConnection _api = new(
        api.Http, api.Url, CredentialSettings.Create(options, arguments.Secret, arguments.TokenFile, time));

    private readonly SendDisplay _display = new(terminal, time);

    private readonly SendResults _results = new(terminal, arguments.Json);

    /// <summary>One line per file that has grown during the send.</summary>
    private readonly List<string> _unsent = [];

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
            var code = ExitCodes.Done;
            foreach (var job in jobs)
            {
                current = job;
                code = Worse(code, await SendAsync(job, stop));
                current = null;
            }

            return _results.End(code, _unsent.Count > 0 ? string.Join(' ', _unsent) : null);
        }
        catch (SendException failure)
        {
            terminal.Report(failure.Message + Advice(failure));
            await ReportHowToResumeAsync(current ?? jobs.Find(job => job.Entry.OpenThrough > 0), failure.Failure);
            return _results.End(ExitCodes.NotDone, failure.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            terminal.Report("Stopped.");
            await ReportHowToResumeAsync(current ?? jobs.Find(job => job.Entry.OpenThrough > 0), null);
            return _results.End(ExitCodes.NotDone, "Stopped.");
        }
        catch (Exception bug)
        {
            var line = StartupErrors.DescribeOrReport(bug);
            terminal.Report(line);
            await ReportHowToResumeAsync(current ?? jobs.Find(job => job.Entry.OpenThrough > 0), null);
            return _results.End(ExitCodes.NotDone, line);
        }
        finally
        {
            jobs.ForEach(job => job.Dispose());
        }
    }

    private static int Worse(int one, int other) =>
        one == ExitCodes.NotDone || other == ExitCodes.NotDone ? ExitCodes.NotDone : Math.Max(one, other);

    /// <summary>Opens every file, queries the API's log, and saves all journals, so that every error of a file is reported before anything is sent.</summary>
    private async Task OpenAsync(List<SendJob> jobs, CancellationToken stop)
    {
        var inputs = new Queue<InputFile>();
        try
        {
            foreach (var file in arguments.Files)
            {
                if (RejectedFile.FindOwner(file, arguments.Files) is { } owner)
                {
                    _display.Warning($"{file} contains rejected lines of {owner} and is skipped. Correct the lines, then send it alone.");
                    _results.AddLeftOut(file);
                    continue;
                }

                inputs.Enqueue(await InputFile.OpenAsync(file, terminal.OpenInput, _spoolDirectory, stop));
                if (arguments.Follow && inputs.Peek().IsCopy)
                {
                    throw new SendException(SendFailure.LocalFile, $"{file} is compressed: --follow needs a plain file.");
                }
            }

            var log = await LogStateQuery.WaitAsync(_api, _settings, _display, time, stop);
            if (log is null)
            {
                _display.Warning($"{_api.Url} does not report which keys it remembers, so this run cannot be resumed after a kill.");
            }

            var opener = new JobOpener(journalDirectory, _api, log, _display, time);
            while (inputs.TryPeek(out var input))
            {
                if (arguments.Follow && !arguments.Resume)
                {
                    input.LimitTo(await input.FindEndOfLinesAsync(0, stop));
                }

                jobs.Add(arguments.Resume ? await opener.ResumeAsync(input, arguments.Batch, stop) : await opener.CreateAsync(input, _settings.Batch, stop));
                inputs.Dequeue();
            }

            foreach (var job in jobs.Where(job => !job.Entry.Finished || job.Input.AddedBytes > 0))
            {
                job.Begin(log);
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

    /// <summary>Sends one file and reports the result. With <c>--resume</c>, also sends the bytes appended since the run began.</summary>
    /// <returns>The exit code of this file.</returns>
    private async Task<int> SendAsync(SendJob job, CancellationToken stop)
    {
        var file = job.Input.GivenPath;
        if (job.Entry.Finished && job.Input.OpenedLength == job.Entry.Length && !arguments.Follow)
        {
            _results.AddSentBefore(job);
        }
        else
        {
            var progress = new SendProgress(time);
            try
            {
                if (job.IsResumed && job.Entry.OpenThrough > 0)
                {
                    terminal.Report($"{file}: continuing after line {SendDisplay.Number(job.Entry.LinesThrough)}");
                }

                await RunAsync(job, progress, stop);
                if (arguments.Follow)
                {
                    await FollowAsync(job, progress, stop);
                }

                if (job.IsResumed && job.Input.MayHaveChanged)
                {
                    await job.RequireUnchangedAsync(CancellationToken.None);
                }
            }
            catch
            {
                _results.AddStopped(job, progress);
                throw;
            }
            finally
            {
                _display.EndFile(file);
            }

            _results.AddSent(job, progress);
        }

        return Worse(await ReportUnsentAsync(job), job.Entry.Rejected > 0 ? ExitCodes.SomeRejected : ExitCodes.Done);
    }

    /// <summary>Sends the file up to its length at opening: first the bytes of the run, then bytes that were appended before this process opened the
    /// file.</summary>
    private async Task RunAsync(SendJob job, SendProgress progress, CancellationToken stop)
    {
        // Ctrl+C only stops waiting for new lines. Lines that are already in the file are still sent.
        var runStop = arguments.Follow ? CancellationToken.None : stop;
        while (!job.Entry.Finished || (arguments.Resume && job.Input.OpenedLength > job.Entry.Length && !arguments.Follow))
        {
            if (job.Entry.Finished)
            {
                job.Extend(job.Input.OpenedLength, _api.Log.Highest);
            }

            using var run = new SendRun(job, _api, _settings, _display, time);
            progress.Add(run);
            await _display.ShowAsync(job.Input.GivenPath, job.Entry.Length, job.Entry.SentThrough, run, () => run.RunAsync(runStop));
        }
    }

    /// <summary>Sends whole lines as they are appended, until Ctrl+C; then sends the whole lines that are still in the file.</summary>
    private async Task FollowAsync(SendJob job, SendProgress progress, CancellationToken stop)
    {
        terminal.Report($"{job.Input.GivenPath}: sent; now sending appended lines until Ctrl+C");
        var follower = new FileFollower(job.Input, _display);
        for (var isLast = false; !isLast;)
        {
            isLast = !await follower.WaitAsync(job.Entry.Length, stop);
            var end = await job.Input.FindEndOfLinesAsync(job.Entry.Length, CancellationToken.None);
            if (end > job.Entry.Length)
            {
                job.Extend(end, _api.Log.Highest);
                using var run = new SendRun(job, _api, _settings, _display, time);
                progress.Add(run);
                await run.RunAsync(CancellationToken.None);
            }
        }

        await job.RequireUnchangedAsync(CancellationToken.None);
    }

    /// <summary>Reports the appended bytes that were not sent, and the command that sends them.</summary>
    private async Task<int> ReportUnsentAsync(SendJob job)
    {
        if (job.Input.AddedBytes is not (> 0 and var added))
        {
            return ExitCodes.Done;
        }

        var state = job.Input.IsCopy ? "(compressed) were appended during the send"
            : arguments.Follow ? "at its end do not form a whole line yet"
            : "were appended after the send began";
        var line = $"{job.Input.GivenPath}: {SendDisplay.Number(added)} bytes {state}; they were not sent. Send them with: {ResumeCommand()}";
        terminal.Report(line);
        _unsent.Add(line);
        return ExitCodes.NotDone;
    }

    private static string Advice(SendException failure) => failure.Failure == SendFailure.Unauthorized ? " Set --secret or Client:Secret." : "";

    /// <summary>Prints the command that continues the run, if part of the run may have been sent.</summary>
    private async Task ReportHowToResumeAsync(SendJob? job, SendFailure? failure)
    {
        if (job is null || job.Entry.OpenThrough == 0 || failure is SendFailure.CannotResume or SendFailure.NothingToResume or SendFailure.KeyConflict)
        {
            return;
        }

        var counted = $"{job.Input.GivenPath}: {SendDisplay.Number(job.Entry.Accepted)} lines accepted, {SendDisplay.Number(job.Entry.Rejected)} rejected, "
            + $"sent without gaps up to line {SendDisplay.Number(job.Entry.LinesThrough)}.";
        if (job.Input.IsStandardInput)
        {
            terminal.Report(counted + " Standard input cannot be resumed; send a file instead.");
            return;
        }

        terminal.Report($"{counted} Continue with: {ResumeCommand()}");
    }

    private string ResumeCommand()
    {
        var command = new StringBuilder("RevenueAspire.Client send");
        foreach (var file in arguments.Files.Where(file => file != SpoolFile.StandardInput && RejectedFile.FindOwner(file, arguments.Files) is null))
        {
            command.Append(' ').Append(Quoted(file));
        }

        if (arguments.Url is { } url)
        {
            command.Append(" --url ").Append(url);
        }

        if (arguments.TokenFile is { } tokenFile)
        {
            command.Append(" --token-file ").Append(Quoted(tokenFile));
        }

        return command.Append(arguments.Follow ? " --resume --follow" : " --resume").ToString();
    }

    /// <summary>Quotes the file's name for a shell. A name with control characters uses the <c>$'...'</c> form of bash, zsh and ksh, which the escaping of the
    /// line leaves intact.</summary>
    private static string Quoted(string file)
    {
        var path = file.StartsWith('-') ? "./" + file : file;
        if (Printable.Escape(path) != path)
        {
            return $"$'{Printable.Escape(path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal))}'";
        }

        return path.Any(c => !char.IsAsciiLetterOrDigit(c) && !"/\\:._-+@".Contains(c)) ? $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'" : path;
    }
}

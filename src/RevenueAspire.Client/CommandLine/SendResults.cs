using System.Globalization;
using System.Text;
using System.Text.Json;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The result of each file on standard output: a line per file, or one object at the end with <c>--json</c>. For one thread.</summary>
internal sealed class SendResults(Terminal terminal, bool json)
{
    private readonly List<SentFile> _files = [];

    /// <summary>Adds a file that was sent completely.</summary>
    public void AddSent(SendJob job, SendProgress progress)
    {
        Add("sent", job, progress.Elapsed);
        if (!json)
        {
            terminal.Print(Summary(job, progress));
        }
    }

    /// <summary>Adds a file that an earlier process sent completely.</summary>
    public void AddSentBefore(SendJob job)
    {
        var entry = job.Entry;
        Add("sent before", job, TimeSpan.Zero);
        if (!json)
        {
            var rejected = entry.Rejected > 0 ? $"; the rejected lines are in {entry.RejectedPath}" : "";
            terminal.Print($"{job.Input.GivenPath}: an earlier send completed this file: {Counts(job)}{rejected}");
        }
    }

    /// <summary>Adds a file whose send ended early.</summary>
    public void AddStopped(SendJob job, SendProgress progress) => Add("stopped", job, progress.Elapsed);

    /// <summary>Adds a file that contains the rejected lines of another one, and is not sent.</summary>
    public void AddLeftOut(string file) => _files.Add(new SentFile(file, "left out", 0, 0, 0, null, 0, 0));

    /// <summary>Ends the command.</summary>
    /// <returns>The exit code.</returns>
    public int End(int exitCode, string? error)
    {
        if (json)
        {
            terminal.Print(JsonSerializer.Serialize(new SendResult(exitCode, _files, error), ResultJson.Relaxed.SendResult));
        }

        return exitCode;
    }

    private static string Counts(SendJob job) =>
        $"{SendDisplay.Number(job.Entry.Accepted + job.Entry.Rejected)} lines sent, {SendDisplay.Number(job.Entry.Accepted)} accepted, "
        + $"{SendDisplay.Number(job.Entry.Rejected)} rejected";

    private static string Summary(SendJob job, SendProgress progress)
    {
        var elapsed = progress.Elapsed;
        var text = new StringBuilder($"{job.Input.GivenPath}: {Counts(job)}");
        text.Append(
            CultureInfo.InvariantCulture,
            $" in {elapsed.TotalSeconds:0.0} s ({SendDisplay.Number((long)(progress.AnsweredLines / Math.Max(elapsed.TotalSeconds, 0.001)))} lines/s)");
        if (job.Entry.Rejected > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"; the rejected lines are in {job.Entry.RejectedPath}");
        }
        else if (RejectedFile.PathFor(job.Input.FullPath) is var earlier && File.Exists(earlier))
        {
            text.Append(CultureInfo.InvariantCulture, $"; {earlier} is from an earlier run");
        }

        return text.ToString();
    }

    private void Add(string state, SendJob job, TimeSpan elapsed)
    {
        var entry = job.Entry;
        _files.Add(new SentFile(
            job.Input.GivenPath,
            state,
            entry.Accepted + entry.Rejected,
            entry.Accepted,
            entry.Rejected,
            entry.Rejected > 0 ? entry.RejectedPath : null,
            Math.Round(elapsed.TotalSeconds, 3),
            job.Input.AddedBytes));
    }
}

/// <summary>The JSON of <c>send --json</c>. The project's README lists the fields. Fields may be added, but none is removed.</summary>
internal sealed record SendResult(int ExitCode, IReadOnlyList<SentFile> Files, string? Error);

/// <summary>One file of <see cref="SendResult"/>. The counts cover the whole run, including all resumptions.</summary>
internal sealed record SentFile(string File, string State, long Lines, long Accepted, long Rejected, string? RejectedFile, double Seconds, long UnsentBytes);

using System.Diagnostics;
using System.Globalization;
using RevenueAspire.CommandLine;
using RevenueAspire.Processor.Processing;
using Spectre.Console;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>Shows progress on standard error: a bar on a terminal, a line every few seconds elsewhere.</summary>
internal sealed class ProgressDisplay : IAsyncDisposable
{
    private static readonly TimeSpan LinePause = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan BarPause = TimeSpan.FromMilliseconds(100);
    private readonly SemaphoreSlim _done = new(0);
    private readonly Lock _lock = new();
    private readonly RunProgress _progress;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Timer _begin;
    private readonly bool _lines = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb";
    private Task? _shown;
    private bool _ended;

    private ProgressDisplay(RunProgress progress)
    {
        _progress = progress;

        // Show nothing for a short run: a bar that only flashes up is noise, and costs more than the run.
        _begin = new Timer(_ => Begin(), null, _lines ? LinePause : BarPause * 3, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Shows a run until disposed.</summary>
    public static ProgressDisplay Start(RunProgress progress) => new(progress);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _ended = true;
        }

        _begin.Dispose();
        _done.Release();
        return _shown is null ? ValueTask.CompletedTask : new ValueTask(_shown);
    }

    private void Begin()
    {
        lock (_lock)
        {
            // If standard error is closed, the missing progress is not an error.
            _shown = _ended || !GuardedConsole.CanReport ? null : _lines ? WriteLinesAsync(_progress) : ShowBarAsync(_progress);
        }
    }

    private async Task WriteLinesAsync(RunProgress progress)
    {
        do
        {
            var (done, total) = (progress.DoneBytes, progress.TotalBytes);
            var rate = done / Stopwatch.GetElapsedTime(_started).TotalSeconds;
            await Console.Error.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{Printable.Escape(progress.Name)}: {progress.Phase}, {done / 1e6:N0} of {total / 1e6:N0} MB ({(total == 0 ? 0 : 100.0 * done / total):0} %), "
                    + $"{rate / 1e6:0.0} MB/s{(rate > 0 ? TimeLeft.Format((total - done) / rate) : "")}")).ConfigureAwait(false);
        }
        while (await PauseAsync(LinePause).ConfigureAwait(false));
    }

    private async Task ShowBarAsync(RunProgress progress)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn { Width = 20 }, new PercentageColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var name = Printable.Escape(Path.GetFileName(Path.TrimEndingDirectorySeparator(progress.Name)));
                var task = context.AddTask(Markup.Escape(name));
                do
                {
                    task.Description = Markup.Escape($"{name} {progress.Phase}");
                    task.MaxValue = Math.Max(1, progress.TotalBytes);
                    task.Value = progress.DoneBytes;
                }
                while (await PauseAsync(BarPause).ConfigureAwait(false));
            }).ConfigureAwait(false);
    }

    /// <summary>Waits, and returns false if the run has ended. An exception as the signal would cost each run milliseconds, because a process's first exception
    /// is slow.</summary>
    private async Task<bool> PauseAsync(TimeSpan pause) => !await _done.WaitAsync(pause).ConfigureAwait(false);
}

using System.Globalization;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace RevenueAspire.Client.CommandLine;

/// <summary>Shows a run on stderr, with a bar on a terminal, otherwise with a line every few seconds. Also prints the first rejected lines.
/// Thread-safe.</summary>
internal sealed class SendDisplay(Terminal terminal, TimeProvider time) : ISendObserver
{
    /// <summary>Rejected lines to print per file. All of them are in the file of rejected lines; the others are only counted here.</summary>
    private const int NamedLines = 10;

    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WaitingInterval = TimeSpan.FromSeconds(5);

    private readonly IAnsiConsole? _console = terminal.IsInteractive
        ? AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(terminal.Error) })
        : null;
    private readonly Lock _gate = new();
    private long _named;
    private long _lastWaiting;

    public void Rejected(string file, RejectedLine line)
    {
        lock (_gate)
        {
            if (_named++ < NamedLines)
            {
                Write($"{file}:{line.Line}: {line.Reason}");
            }
        }
    }

    public void Waiting(string reason)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            if (_lastWaiting == 0 || time.GetElapsedTime(_lastWaiting, now) >= WaitingInterval)
            {
                _lastWaiting = now;
                Write($"waiting for {reason}");
            }
        }
    }

    public void Warning(string text)
    {
        lock (_gate)
        {
            Write("warning: " + text);
        }
    }

    /// <summary>Prints the number of rejected lines that were not printed, and resets the count for the next file.</summary>
    public void EndFile(string file)
    {
        lock (_gate)
        {
            if (_named > NamedLines)
            {
                Write($"{file}: and {Number(_named - NamedLines)} more rejected lines");
            }

            _named = 0;
        }
    }

    /// <summary>Shows a run's progress until it ends.</summary>
    /// <param name="file">The label.</param>
    /// <param name="length">Bytes in the file.</param>
    /// <param name="before">Bytes that an earlier process sent.</param>
    /// <param name="run">The run to show.</param>
    /// <param name="work">The run's task; its exception is passed on.</param>
    public async Task ShowAsync(string file, long length, long before, SendRun run, Func<Task> work)
    {
        if (_console is null)
        {
            await ShowLinesAsync(file, length, before, run, work());
            return;
        }

        await _console.Progress()
            .HideCompleted(false)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RateColumn(run, time), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask(Markup.Escape(Printable.Escape(Path.GetFileName(file))), maxValue: Math.Max(length, 1));
                var task = work();
                while (!task.IsCompleted)
                {
                    bar.Value = before + run.AnsweredBytes;
                    await Task.WhenAny(task, Task.Delay(100));
                }

                bar.Value = task.IsCompletedSuccessfully ? bar.MaxValue : before + run.AnsweredBytes;
                await task;
            });
    }

    public static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private async Task ShowLinesAsync(string file, long length, long before, SendRun run, Task task)
    {
        var start = time.GetTimestamp();
        // Progress is optional: a closed stderr must not count as lost output.
        while (await Task.WhenAny(task, Task.Delay(LineInterval, time)) != task && GuardedConsole.CanReport)
        {
            var seconds = Math.Max(time.GetElapsedTime(start).TotalSeconds, 0.001);
            var sent = run.AnsweredBytes;
            var left = sent == 0 ? "" : TimeLeft.Format((length - before - sent) * seconds / sent);
            lock (_gate)
            {
                Write(
                    $"{file}: {100 * (before + sent) / Math.Max(length, 1)} %, {Number(run.AnsweredLines)} lines, "
                    + $"{Number((long)(run.AnsweredLines / seconds))} lines/s{left}");
            }
        }

        await task;
    }

    /// <summary>Writes a separate line, above the bar if there is one.</summary>
    private void Write(string text)
    {
        if (_console is null)
        {
            terminal.Report(text);
        }
        else
        {
            _console.Write(new Text(Printable.Escape(text) + Environment.NewLine) { Overflow = Overflow.Fold });
        }
    }

    private sealed class RateColumn(SendRun run, TimeProvider time) : ProgressColumn
    {
        private readonly long _start = time.GetTimestamp();

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text($"{Number((long)(run.AnsweredLines / Math.Max(time.GetElapsedTime(_start).TotalSeconds, 0.001)))} lines/s");
    }
}

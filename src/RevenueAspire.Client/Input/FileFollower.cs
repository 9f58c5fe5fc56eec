using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Input;

/// <summary>Waits until a file grows. For one thread.</summary>
internal sealed class FileFollower(InputFile file, ISendObserver observer)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private bool _hasWarned;

    /// <summary>Waits until the file is longer than <paramref name="length"/>.</summary>
    /// <param name="length">The known length in bytes.</param>
    /// <param name="stop">Stops waiting.</param>
    /// <returns>False if stopped.</returns>
    /// <exception cref="SendException">The file is now shorter: it was truncated or overwritten.</exception>
    public async Task<bool> WaitAsync(long length, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var now = file.CurrentLength;
            if (now > length)
            {
                // Pause even directly after a run, so that lines that arrive one after the other are sent together.
                return await PauseAsync(stop);
            }

            if (now < length)
            {
                throw new SendException(
                    SendFailure.CannotResume,
                    $"{file.GivenPath} was truncated during --follow. Its first {length} bytes were sent; "
                    + "its present content is different.");
            }

            WarnWhenReplaced(now);
            await PauseAsync(stop);
        }

        return false;
    }

    /// <summary>Warns if the file was rotated: its path now leads to another file, so the user may miss the end of this one.</summary>
    private void WarnWhenReplaced(long length)
    {
        if (!_hasWarned && new FileInfo(file.FullPath) is var there && (!there.Exists || there.Length < length))
        {
            _hasWarned = true;
            observer.Warning($"{file.GivenPath} was renamed or replaced. The client still follows the file that it opened, not the new one at this path.");
        }
    }

    private static async Task<bool> PauseAsync(CancellationToken stop)
    {
        await Task.Delay(Pause, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return !stop.IsCancellationRequested;
    }
}

using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Input;

/// <summary>Waits until a file has grown. For one thread.</summary>
internal sealed class FileFollower(InputFile file, ISendObserver observer)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private bool _hasWarned;

    /// <summary>Waits until the file is longer.</summary>
    /// <param name="length">Bytes that are known.</param>
    /// <param name="stop">Ends the waiting.</param>
    /// <returns>False when stopped.</returns>
    /// <exception cref="SendException">It is shorter than that: it was truncated, or written from its beginning.</exception>
    public async Task<bool> WaitAsync(long length, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var now = file.CurrentLength;
            if (now > length)
            {
                // A pause after each run, too: lines that arrive one by one are sent together.
                return await PauseAsync(stop);
            }

            if (now < length)
            {
                throw new SendException(
                    SendFailure.CannotResume,
                    $"{file.GivenPath} was truncated while it was followed. The {length} bytes that it had held are sent; "
                    + "what it holds now is another content.");
            }

            WarnWhenReplaced(now);
            await PauseAsync(stop);
        }

        return false;
    }

    /// <summary>A rotated file is followed to its end, but that end may never be seen: its path leads elsewhere now.</summary>
    private void WarnWhenReplaced(long length)
    {
        if (!_hasWarned && new FileInfo(file.FullPath) is var there && (!there.Exists || there.Length < length))
        {
            _hasWarned = true;
            observer.Warning($"{file.GivenPath} was renamed or replaced. The file that was opened is followed, not the one that has its path now.");
        }
    }

    private static async Task<bool> PauseAsync(CancellationToken stop)
    {
        await Task.Delay(Pause, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return !stop.IsCancellationRequested;
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RevenueAspire.Client.Load;

/// <summary>Starts requests at a fixed rate. Uses a separate thread, because timers of the thread pool fire a millisecond late, or later on a busy
/// pool.</summary>
/// <remarks>Slots are numbered from 0; slot n is due n intervals after the start. For one load.</remarks>
internal sealed partial class Pacer : IDisposable
{
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMicroseconds(50);
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMilliseconds(20);

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double _slotsPerSecond;
    private readonly long _slots;
    private readonly SemaphoreSlim _due = new(0);
    private readonly CancellationTokenSource _ended = new();
    private readonly Thread _thread;
    private long _taken;

    /// <param name="slotsPerSecond">The rate.</param>
    /// <param name="slots">Number of slots.</param>
    /// <param name="stop">Prevents further slots from starting.</param>
    public Pacer(double slotsPerSecond, long slots, CancellationToken stop)
    {
        (_slotsPerSecond, _slots) = (slotsPerSecond, slots);
        _thread = new Thread(() => Run(stop)) { IsBackground = true, Name = "pacer" };
        _thread.Start();
    }

    /// <summary>Number of slots that are due now.</summary>
    public long Due => Math.Min(_slots, 1 + (long)(Stopwatch.GetElapsedTime(_start).TotalSeconds * _slotsPerSecond));

    /// <summary>Time since a slot was due.</summary>
    public TimeSpan Since(long slot) => Stopwatch.GetElapsedTime(_start) - TimeSpan.FromSeconds(slot / _slotsPerSecond);

    /// <summary>Waits for the next slot and takes it.</summary>
    /// <returns>The slot's number; null after the last slot.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask<long?> TakeAsync(CancellationToken cancellationToken)
    {
        await _due.WaitAsync(cancellationToken);
        var slot = Interlocked.Increment(ref _taken) - 1;
        if (slot < _slots)
        {
            return slot;
        }

        // Release the next waiting worker, too.
        _due.Release();
        return null;
    }

    public long Taken => Math.Min(_slots, Volatile.Read(ref _taken));

    public void Dispose()
    {
        _ended.Cancel();
        _thread.Join();
        _ended.Dispose();
        _due.Dispose();
    }

    private void Run(CancellationToken stop)
    {
        long released = 0;
        while (released < _slots && !stop.IsCancellationRequested && !_ended.IsCancellationRequested)
        {
            var due = Due;
            if (due > released)
            {
                _due.Release((int)Math.Min(due - released, int.MaxValue / 2));
                released = due;
            }

            Sleep(TimeSpan.FromSeconds(released / _slotsPerSecond) - Stopwatch.GetElapsedTime(_start));
        }

        if (released == _slots)
        {
            // One extra release signals that no slots remain.
            _due.Release();
        }
    }

    private static void Sleep(TimeSpan time)
    {
        var bounded = time < ShortestSleep ? ShortestSleep : time > LongestSleep ? LongestSleep : time;
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            // Thread.Sleep only supports whole milliseconds.
            var request = new TimeSpec { Nanoseconds = (nint)bounded.TotalNanoseconds };
            _ = NanoSleep(in request, 0);
        }
        else
        {
            Thread.Sleep(bounded);
        }
    }

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int NanoSleep(in TimeSpec request, nint remaining);

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}

using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Writes sorted runs of users to an unnamed file in the folder <c>spool</c>, which disappears even if the process is killed. Not thread-safe, but any
/// number of threads may read the runs.</summary>
/// <remarks>A record contains: id length minus one (1 byte), length of the sum (1), id, sum (zigzag, little-endian). If events are kept, the length of the
/// user's events follows (4, little-endian). The events are in a second unnamed file, in the same order.</remarks>
/// <param name="directory">Created if missing; null for the default spool folder.</param>
internal sealed class RunFile(string? directory = null) : IDisposable
{
    /// <summary>Bytes of a record before the id.</summary>
    public const int RecordHeader = 2;

    /// <summary>Bytes of the longest record.</summary>
    public const int LongestRecord = RecordHeader + EventParser.MaxUserIdBytes + 16 + EventsLength;

    /// <summary>Bytes of the field that contains the length of a user's events.</summary>
    public const int EventsLength = sizeof(int);

    private const int BufferBytes = 256 << 10;

    /// <summary>Total run bytes of this process up to which free disk space is not checked.</summary>
    private const long UncheckedBytes = 64L << 20;

    /// <summary>Bytes between two marks, and so the maximum that a seek reads.</summary>
    private const int MarkBytes = 64 << 10;

    private static long _heldByProcess;

    private readonly List<SortedRun> _runs = [];
    private byte[] _buffer = [];
    private string _directory = directory ?? "";
    private SafeFileHandle? _file;
    private long _length;
    private int _buffered;
    private SafeFileHandle? _eventFile;
    private long _eventsLength;
    private byte[] _eventBuffer = [];
    private int _eventsBuffered;

    /// <summary>The runs written since <see cref="Clear"/>.</summary>
    public IReadOnlyList<SortedRun> Runs => _runs;

    /// <summary>Writes a run.</summary>
    /// <param name="users">At least one user.</param>
    /// <exception cref="SpoolException">The folder is not writable, or the disk is full.</exception>
    public void Add(SortedUsers users)
    {
        try
        {
            if (_file is null)
            {
                _directory = directory ?? Composition.SpoolDirectory();
                _file = SpoolFile.Create(_directory);
                _buffer = new byte[BufferBytes + LongestRecord];
            }

            if (users.HasEvents && _eventFile is null)
            {
                _eventFile = SpoolFile.Create(_directory);
                _eventBuffer = new byte[BufferBytes];
            }

            if (Interlocked.Read(ref _heldByProcess) >= UncheckedBytes)
            {
                SpoolFile.RefuseFullDisk(_directory);
            }

            Write(users);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or UserErrorException)
        {
            (_length, _buffered) = (_runs.Count == 0 ? 0 : _runs[^1].End, 0);
            (_eventsLength, _eventsBuffered) = (_runs.Count == 0 ? 0 : _runs[^1].Events?.End ?? 0, 0);
            throw new SpoolException(
                $"{_directory}: cannot write users that do not fit in memory: {exception.Message} Free disk space, choose another Data:Directory, or "
                + "raise Processor:MaxUsersInMemory.", exception);
        }
    }

    /// <summary>Removes all runs and frees their disk space.</summary>
    public void Clear()
    {
        ForgetRuns();
        try
        {
            Empty(_file);
            Empty(_eventFile);
        }
        catch (IOException exception)
        {
            throw new SpoolException($"{_directory}: cannot free the disk space of merged users: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ForgetRuns();
        _file?.Dispose();
        _eventFile?.Dispose();
    }

    private static void Empty(SafeFileHandle? file)
    {
        if (file is not null && RandomAccess.GetLength(file) > 0)
        {
            RandomAccess.SetLength(file, 0);
        }
    }

    private void ForgetRuns()
    {
        Interlocked.Add(ref _heldByProcess, -_length - _eventsLength);
        _runs.Clear();
        (_length, _buffered, _eventsLength, _eventsBuffered) = (0, 0, 0, 0);
    }

    private void Write(SortedUsers users)
    {
        var (start, nextMark, eventsStart, index) = (_length, _length, _eventsLength, 0);
        List<RunMark> marks = [];
        var reader = users.ReadAfter([]);
        while (reader.Read())
        {
            var userId = reader.UserId;
            if (_length >= nextMark)
            {
                marks.Add(new RunMark(_length, _eventsLength, userId.ToArray()));
                nextMark = _length + MarkBytes;
            }

            var bytes = WriteRecord(_buffer.AsSpan(_buffered), userId, reader.Delta);
            if (users.HasEvents)
            {
                var events = users.EventsAt(index++);
                BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_buffered + bytes), events.Length);
                bytes += EventsLength;
                WriteEvents(events);
            }

            _buffered += bytes;
            _length += bytes;
            if (_buffered >= BufferBytes)
            {
                Flush();
            }
        }

        var last = users.Split(1)[0];
        Flush();
        FlushEvents();
        Interlocked.Add(ref _heldByProcess, _length - start + _eventsLength - eventsStart);
        var run = users.HasEvents ? new RunEvents(_eventFile!, _eventsLength, users.EventForm) : null;
        _runs.Add(new SortedRun(_file!, start, _length, users.Count, marks, last, run));
    }

    private void Flush()
    {
        RandomAccess.Write(_file!, _buffer.AsSpan(0, _buffered), _length - _buffered);
        _buffered = 0;
    }

    private void WriteEvents(ReadOnlySpan<byte> events)
    {
        _eventsLength += events.Length;
        while (!events.IsEmpty)
        {
            var bytes = Math.Min(events.Length, _eventBuffer.Length - _eventsBuffered);
            events[..bytes].CopyTo(_eventBuffer.AsSpan(_eventsBuffered));
            _eventsBuffered += bytes;
            events = events[bytes..];
            if (_eventsBuffered == _eventBuffer.Length)
            {
                RandomAccess.Write(_eventFile!, _eventBuffer, _eventsLength - events.Length - _eventsBuffered);
                _eventsBuffered = 0;
            }
        }
    }

    private void FlushEvents()
    {
        if (_eventsBuffered > 0)
        {
            RandomAccess.Write(_eventFile!, _eventBuffer.AsSpan(0, _eventsBuffered), _eventsLength - _eventsBuffered);
            _eventsBuffered = 0;
        }
    }

    private static int WriteRecord(Span<byte> record, ReadOnlySpan<byte> userId, Int128 sum)
    {
        var zigzag = unchecked((UInt128)(sum << 1 ^ sum >> 127));
        var sumBytes = (128 - (int)UInt128.LeadingZeroCount(zigzag) + 7) / 8;
        record[0] = (byte)(userId.Length - 1);
        record[1] = (byte)sumBytes;
        userId.CopyTo(record[RecordHeader..]);
        BinaryPrimitives.WriteUInt128LittleEndian(record[(RecordHeader + userId.Length)..], zigzag);
        return RecordHeader + userId.Length + sumBytes;
    }
}

/// <summary>A section of a file that contains users in ascending order.</summary>
/// <param name="File">Must stay open while the run is read.</param>
/// <param name="Start">Offset of the first record.</param>
/// <param name="End">Exclusive.</param>
/// <param name="Users">Number of records.</param>
/// <param name="Marks">Places of some records in ascending order, including the first record.</param>
/// <param name="Last">The last user.</param>
/// <param name="Events">The events of the users; null if none are kept.</param>
internal sealed record SortedRun(
    SafeFileHandle File, long Start, long End, long Users, IReadOnlyList<RunMark> Marks, byte[] Last, RunEvents? Events = null)
{
    /// <summary>The first user.</summary>
    public byte[] First => Marks[0].UserId;

    /// <summary>Place from which a reader finds all users after the key. A reader may find earlier users first.</summary>
    public RunPlace Seek(ReadOnlySpan<byte> key)
    {
        var (low, high) = (0, Marks.Count);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            (low, high) = Marks[middle].UserId.AsSpan().SequenceCompareTo(key) <= 0 ? (middle + 1, high) : (low, middle);
        }

        var mark = Marks[Math.Max(0, low - 1)];
        return new RunPlace(mark.Offset, mark.EventsAt);
    }
}

/// <summary>The place of a record, and of its events in their file.</summary>
internal readonly record struct RunPlace(long Offset, long EventsAt);

/// <summary>The place of a record, and its user.</summary>
internal readonly record struct RunMark(long Offset, long EventsAt, byte[] UserId);

/// <summary>The events of a run.</summary>
/// <param name="File">Must stay open while the run is read.</param>
/// <param name="End">End of the events in the file.</param>
/// <param name="Form">The encoding of the events.</param>
internal sealed record RunEvents(SafeFileHandle File, long End, EventForm Form);

/// <summary>The folder <c>spool</c> is unusable; the source is not the cause. The message is for the user.</summary>
internal sealed class SpoolException(string message, Exception? inner = null) : IOException(message, inner);

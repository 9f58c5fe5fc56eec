namespace RevenueAspire.Ledger;

/// <summary>Encodes and decodes the column <c>events</c> of <c>event_history</c>: several events of one user and one source. Pure functions.</summary>
/// <remarks>
/// The first number is the source's number in <c>history_source</c>, times 2, plus 1 for a log, whose events have times.
/// Each event has three numbers, and in a row of a log each event after the first has four. Events are in ascending order of offsets. The numbers are:
/// the difference to the previous event's offset (the first event: its offset);
/// the number of the event's type in <c>history_type</c>;
/// the value in zigzag form;
/// for a log, the milliseconds since the previous event in zigzag form (not the first event: its time is the row's column <c>at</c>).
/// Numbers are base 128, lowest digit first, with the high bit set on all bytes but the last (LEB128).
/// </remarks>
public static class HistoryCodec
{
    /// <summary>Maximum length of one event in bytes: four numbers of 64 bits.</summary>
    public const int MaxEventBytes = 4 * MaxNumberBytes;

    /// <summary>Maximum length of a row's first number in bytes: 32 bits.</summary>
    public const int MaxHeaderBytes = 5;

    private const int MaxNumberBytes = 10;

    /// <summary>Writes the first number of a row.</summary>
    /// <param name="bytes">At least <see cref="MaxHeaderBytes"/>.</param>
    /// <param name="sourceNumber">In <c>history_source</c>: from 1 on.</param>
    /// <param name="haveTimes">Whether the row's events have times: those of a log.</param>
    /// <returns>Number of bytes written.</returns>
    public static int WriteHeader(Span<byte> bytes, int sourceNumber, bool haveTimes) =>
        WriteNumber(bytes, ((ulong)(uint)sourceNumber << 1) | (haveTimes ? 1u : 0));

    /// <summary>Writes an event.</summary>
    /// <param name="bytes">At least <see cref="MaxEventBytes"/>.</param>
    /// <param name="applied">The event; its type is the number in <c>history_type</c>.</param>
    /// <param name="offsetBefore">Offset of the previous event in the row; 0 for the first event.</param>
    /// <param name="timeBefore">Time of the previous event in the row; <see cref="AppliedEvent.NoTime"/> for the first event, and in a row of a file.</param>
    /// <returns>Number of bytes written.</returns>
    public static int Write(Span<byte> bytes, in AppliedEvent applied, long offsetBefore, long timeBefore)
    {
        var length = WriteNumber(bytes, (ulong)(applied.Offset - offsetBefore));
        length += WriteNumber(bytes[length..], (ulong)applied.Type);
        length += WriteNumber(bytes[length..], ZigZag(applied.Value));
        return timeBefore == AppliedEvent.NoTime ? length : length + WriteNumber(bytes[length..], ZigZag(applied.Time - timeBefore));
    }

    /// <summary>Reads a row.</summary>
    /// <param name="bytes">The column.</param>
    /// <param name="at">The row's time in milliseconds since 1970-01-01 UTC.</param>
    /// <returns>The source's number, and the events in ascending order of offsets; their types are numbers in <c>history_type</c>.</returns>
    /// <exception cref="LedgerException">The bytes are not a valid row, because another program wrote to the table.</exception>
    public static (int SourceNumber, List<AppliedEvent> Events) Read(ReadOnlySpan<byte> bytes, long at)
    {
        var header = ReadNumber(ref bytes);
        var haveTimes = (header & 1) != 0;
        var (offset, time) = (0L, haveTimes ? at : AppliedEvent.NoTime);
        List<AppliedEvent> events = [];
        while (!bytes.IsEmpty)
        {
            offset += (long)ReadNumber(ref bytes);
            var type = (int)ReadNumber(ref bytes);
            var value = UnZigZag(ReadNumber(ref bytes));
            if (haveTimes && events.Count > 0)
            {
                time += UnZigZag(ReadNumber(ref bytes));
            }

            events.Add(new AppliedEvent(offset, type, value, time));
        }

        return ((int)(header >> 1), events);
    }

    /// <summary>Writes a number.</summary>
    /// <param name="bytes">At least 10.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteNumber(Span<byte> bytes, ulong number)
    {
        var length = 0;
        while (number >= 0x80)
        {
            bytes[length++] = (byte)(number | 0x80);
            number >>= 7;
        }

        bytes[length] = (byte)number;
        return length + 1;
    }

    /// <summary>Reads a number, and removes it from the front of the bytes.</summary>
    /// <exception cref="LedgerException">The bytes end within the number, or the number has more than 64 bits.</exception>
    public static ulong ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        var (number, shift) = (0UL, 0);
        for (var length = 0; length < bytes.Length && length < MaxNumberBytes; length++, shift += 7)
        {
            number |= (ulong)(bytes[length] & 0x7F) << shift;
            if (bytes[length] < 0x80)
            {
                bytes = bytes[(length + 1)..];
                return number;
            }
        }

        throw new LedgerException("event_history contains bytes that are not events: another program writes to this table");
    }

    /// <summary>Maps numbers of small magnitude and either sign to small unsigned numbers.</summary>
    public static ulong ZigZag(long number) => (ulong)(number << 1 ^ number >> 63);

    /// <summary>The inverse of <see cref="ZigZag"/>.</summary>
    public static long UnZigZag(ulong number) => (long)(number >> 1) ^ -(long)(number & 1);
}

using System.Collections.ObjectModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Events;

/// <summary>The names of events that count, each with the sign of its value. Immutable and thread-safe.</summary>
public sealed class EventTypes
{
    /// <summary>Bytes of an event name in UTF-8.</summary>
    public const int MaxNameBytes = 128;

    /// <summary>Strict: a name with a lone surrogate has no UTF-8 form, so no line could ever carry it.</summary>
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Entries by the length of their name, so that a look-up compares only names that could match.</summary>
    private readonly Entry[][] _byLength;

    private EventTypes(SortedDictionary<string, int> signs, List<Entry> entries)
    {
        Signs = new ReadOnlyDictionary<string, int>(signs);
        _byLength = new Entry[entries.Max(entry => entry.Name.Length) + 1][];
        for (var length = 0; length < _byLength.Length; length++)
        {
            _byLength[length] = [.. entries.Where(entry => entry.Name.Length == length)];
        }

        Fingerprint = Hash(entries);
    }

    private readonly record struct Entry(byte[] Name, int Sign);

    /// <summary><c>add_revenue</c> (+1) and <c>subtract_revenue</c> (-1).</summary>
    public static EventTypes Default { get; } = Create([new("add_revenue", 1), new("subtract_revenue", -1)]);

    /// <summary>SHA-256 (32 bytes) over the sorted names and signs and <see cref="EventParser.Version"/>: two processors with the same
    /// fingerprint fold the same bytes to the same sums.</summary>
    public ReadOnlyMemory<byte> Fingerprint { get; }

    /// <summary>Names in ordinal order, with their signs.</summary>
    public IReadOnlyDictionary<string, int> Signs { get; }

    /// <summary>Builds a set from configuration. Names are 1 to 128 bytes of UTF-8, compared byte by byte; signs are 1 or -1.</summary>
    /// <exception cref="ArgumentException">Empty set, bad name, a name given twice, or a sign other than 1 and -1; the message names the entry.</exception>
    public static EventTypes Create(IEnumerable<KeyValuePair<string, int>> signs)
    {
        ArgumentNullException.ThrowIfNull(signs);
        var sorted = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (name, sign) in signs)
        {
            if (sign is not (1 or -1))
            {
                throw new ArgumentException($"EventTypes: the sign of '{name}' must be 1 or -1, not {sign.ToString(CultureInfo.InvariantCulture)}.", nameof(signs));
            }

            if (name is null || !sorted.TryAdd(name, sign))
            {
                throw new ArgumentException(name is null ? "EventTypes: a name is null." : $"EventTypes: '{name}' is given twice.", nameof(signs));
            }
        }

        if (sorted.Count == 0)
        {
            throw new ArgumentException("EventTypes: at least one event name is needed.", nameof(signs));
        }

        return new EventTypes(sorted, [.. sorted.Select(pair => new Entry(Encode(pair.Key), pair.Value))]);
    }

    /// <summary>Finds the sign of a name given as unescaped UTF-8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // Asked once an event, from the first one on.
    public bool TryGetSign(ReadOnlySpan<byte> name, out int sign)
    {
        var byLength = _byLength;
        if ((uint)name.Length < (uint)byLength.Length)
        {
            foreach (var entry in byLength[name.Length])
            {
                if (name.SequenceEqual(entry.Name))
                {
                    sign = entry.Sign;
                    return true;
                }
            }
        }

        sign = 0;
        return false;
    }

    private static byte[] Encode(string name)
    {
        byte[] utf8;
        try
        {
            utf8 = StrictUtf8.GetBytes(name);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"EventTypes: the name '{name}' holds one half of a surrogate pair without the other.", nameof(name), e);
        }

        return utf8.Length is >= 1 and <= MaxNameBytes
            ? utf8
            : throw new ArgumentException($"EventTypes: the name '{name}' must be 1 to {MaxNameBytes} bytes of UTF-8.", nameof(name));
    }

    /// <summary>Each name goes in with its length before it, so that no two sets have the same input.</summary>
    private static byte[] Hash(List<Entry> entries)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([(byte)EventParser.Version]);
        foreach (var entry in entries)
        {
            hash.AppendData([(byte)entry.Name.Length, (byte)(sbyte)entry.Sign]);
            hash.AppendData(entry.Name);
        }

        return hash.GetHashAndReset();
    }
}

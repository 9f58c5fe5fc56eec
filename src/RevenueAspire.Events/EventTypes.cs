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

    /// <summary>In ordinal order.</summary>
    private readonly Entry[] _entries;

    private EventTypes(Entry[] entries)
    {
        _entries = entries;
        ShortNames = [.. entries.Select(entry => ShortName.Create(entry.Utf8, entry.Sign)).OfType<ShortName>()];
        var longest = 0;
        foreach (var entry in entries)
        {
            longest = Math.Max(longest, entry.Utf8.Length);
        }

        _byLength = new Entry[longest + 1][];
        Array.Fill(_byLength, []);
        foreach (var entry in entries)
        {
            ref var same = ref _byLength[entry.Utf8.Length];
            same = [.. same, entry];
        }
    }

    /// <summary>The names that <see cref="ShortLine"/> knows.</summary>
    internal ShortName[] ShortNames { get; }

    private sealed record Entry(string Name, byte[] Utf8, int Sign);

    /// <summary><c>add_revenue</c> (+1) and <c>subtract_revenue</c> (-1).</summary>
    public static EventTypes Default { get; } = new(
        [new("add_revenue", "add_revenue"u8.ToArray(), 1), new("subtract_revenue", "subtract_revenue"u8.ToArray(), -1)]);

    /// <summary>SHA-256 (32 bytes) over the sorted names and signs and <see cref="EventParser.Version"/>: two processors with the same
    /// fingerprint fold the same bytes to the same sums.</summary>
    /// <remarks>Computed when first asked for: who only parses need not load a library of cryptography.</remarks>
    public ReadOnlyMemory<byte> Fingerprint => _fingerprint ??= Hash(_entries);

    private byte[]? _fingerprint;

    /// <summary>Names in ordinal order, with their signs.</summary>
    public IReadOnlyDictionary<string, int> Signs =>
        _signs ??= new ReadOnlyDictionary<string, int>(
            new SortedDictionary<string, int>(_entries.ToDictionary(entry => entry.Name, entry => entry.Sign), StringComparer.Ordinal));

    private ReadOnlyDictionary<string, int>? _signs;

    /// <summary>Builds a set from configuration. Names are 1 to 128 bytes of UTF-8, compared byte by byte; signs are 1 or -1.</summary>
    /// <exception cref="ArgumentException">Empty set, bad name, a name given twice, or a sign other than 1 and -1; the message names the entry.</exception>
    public static EventTypes Create(IEnumerable<KeyValuePair<string, int>> signs)
    {
        ArgumentNullException.ThrowIfNull(signs);
        var byName = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (name, sign) in signs)
        {
            if (sign is not (1 or -1))
            {
                throw new ArgumentException($"EventTypes: the sign of '{name}' must be 1 or -1, not {sign.ToString(CultureInfo.InvariantCulture)}.");
            }

            if (name is null || !byName.TryAdd(name, sign))
            {
                throw new ArgumentException(name is null ? "EventTypes: a name is null." : $"EventTypes: '{name}' is given twice.");
            }
        }

        if (byName.Count == 0)
        {
            throw new ArgumentException("EventTypes: at least one event name is needed.");
        }

        var names = byName.Keys.ToArray();
        Array.Sort(names, StringComparer.Ordinal);
        return new EventTypes(Array.ConvertAll(names, name => new Entry(name, Encode(name), byName[name])));
    }

    /// <summary>Finds the sign of a name given as unescaped UTF-8.</summary>
    public bool TryGetSign(ReadOnlySpan<byte> name, out int sign)
    {
        var byLength = _byLength;
        if ((uint)name.Length < (uint)byLength.Length)
        {
            foreach (var entry in byLength[name.Length])
            {
                if (name.SequenceEqual(entry.Utf8))
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
            throw new ArgumentException($"EventTypes: the name '{name}' holds one half of a surrogate pair without the other.", e);
        }

        return utf8.Length is >= 1 and <= MaxNameBytes
            ? utf8
            : throw new ArgumentException($"EventTypes: the name '{name}' must be 1 to {MaxNameBytes} bytes of UTF-8.");
    }

    /// <summary>Each name goes in with its length before it, so that no two sets have the same input.</summary>
    private static byte[] Hash(Entry[] entries)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([(byte)EventParser.Version]);
        foreach (var entry in entries)
        {
            hash.AppendData([(byte)entry.Utf8.Length, (byte)(sbyte)entry.Sign]);
            hash.AppendData(entry.Utf8);
        }

        return hash.GetHashAndReset();
    }
}

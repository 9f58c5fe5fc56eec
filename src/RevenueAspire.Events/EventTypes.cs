using System.Collections.ObjectModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace RevenueAspire.Events;

/// <summary>The names of the events that count, with the sign of their values. Immutable and thread-safe.</summary>
public sealed class EventTypes
{
    /// <summary>Maximum bytes of an event name in UTF-8.</summary>
    public const int MaxNameBytes = 128;

    /// <summary>Strict, because a name with a lone surrogate has no UTF-8 form, so no line could contain it.</summary>
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Entries by name length, so that a look-up compares only names of the right length.</summary>
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

    private sealed record Entry(string Name, byte[] Utf8, int Sign, int Index);

    /// <summary><c>add_revenue</c> (+1) and <c>subtract_revenue</c> (-1).</summary>
    public static EventTypes Default { get; } = new(
        [new("add_revenue", "add_revenue"u8.ToArray(), 1, 0), new("subtract_revenue", "subtract_revenue"u8.ToArray(), -1, 1)]);

    /// <summary>SHA-256 (32 bytes) over the sorted names, their signs and <see cref="EventParser.Version"/>. Two processors with the same fingerprint compute
    /// the same sums from the same bytes.</summary>
    /// <remarks>Computed on first use, so that a program that only parses need not load a cryptography library.</remarks>
    public ReadOnlyMemory<byte> Fingerprint => _fingerprint ??= Hash(_entries);

    private byte[]? _fingerprint;

    /// <summary>Names in ordinal order, with their signs.</summary>
    public IReadOnlyDictionary<string, int> Signs =>
        _signs ??= new ReadOnlyDictionary<string, int>(
            new SortedDictionary<string, int>(_entries.ToDictionary(entry => entry.Name, entry => entry.Sign), StringComparer.Ordinal));

    private ReadOnlyDictionary<string, int>? _signs;

    /// <summary>Creates a set from configuration. Names have 1 to 128 bytes of UTF-8 and are compared byte by byte; signs are 1 or -1.</summary>
    /// <exception cref="ArgumentException">The set is empty, a name is invalid or duplicate, or a sign is not 1 or -1. The message names the entry.</exception>
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
                throw new ArgumentException(name is null ? "EventTypes: a name is null." : $"EventTypes: '{name}' occurs twice.");
            }
        }

        if (byName.Count == 0)
        {
            throw new ArgumentException("EventTypes: must have at least one event name.");
        }

        var names = byName.Keys.ToArray();
        Array.Sort(names, StringComparer.Ordinal);
        return new EventTypes([.. names.Select((name, index) => new Entry(name, Encode(name), byName[name], index))]);
    }

    /// <summary>Finds the sign of a name in unescaped UTF-8.</summary>
    public bool TryGetSign(ReadOnlySpan<byte> name, out int sign) => TryGet(name, out _, out sign);

    /// <summary>Finds a name in unescaped UTF-8.</summary>
    /// <param name="name">The name.</param>
    /// <param name="type">Its index in the ordinal order of all names.</param>
    /// <param name="sign">Its sign.</param>
    public bool TryGet(ReadOnlySpan<byte> name, out int type, out int sign)
    {
        var byLength = _byLength;
        if ((uint)name.Length < (uint)byLength.Length)
        {
            foreach (var entry in byLength[name.Length])
            {
                if (name.SequenceEqual(entry.Utf8))
                {
                    (type, sign) = (entry.Index, entry.Sign);
                    return true;
                }
            }
        }

        (type, sign) = (-1, 0);
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
            throw new ArgumentException($"EventTypes: the name '{name}' contains an unpaired surrogate.", e);
        }

        return utf8.Length is >= 1 and <= MaxNameBytes
            ? utf8
            : throw new ArgumentException($"EventTypes: the name '{name}' must be 1 to {MaxNameBytes} bytes of UTF-8.");
    }

    /// <summary>Hashes the entries. The length of each name precedes it, so that different sets never have the same hash input.</summary>
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

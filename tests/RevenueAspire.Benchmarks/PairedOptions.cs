using System.Globalization;

namespace RevenueAspire.Benchmarks;

/// <summary>Options that are given as a name and a value, each once.</summary>
internal sealed class PairedOptions
{
    private readonly Dictionary<string, string> _texts = [];
    private readonly Dictionary<string, int> _numbers = [];

    private PairedOptions()
    {
    }

    /// <summary>Reads them.</summary>
    /// <param name="arguments">Names and values in turn.</param>
    /// <param name="texts">Names whose value is any text.</param>
    /// <param name="numbers">Names whose value is a whole number above 0.</param>
    /// <returns>Null when a name is unknown or there twice, has no value, or one that is no such number.</returns>
    public static PairedOptions? TryRead(string[] arguments, string[] texts, string[] numbers)
    {
        var options = new PairedOptions();
        foreach (var pair in arguments.Chunk(2))
        {
            var isRead = pair is [var name, { Length: > 0 } value]
                && (texts.Contains(name) ? options._texts.TryAdd(name, value)
                    : numbers.Contains(name) && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && options._numbers.TryAdd(name, number));
            if (!isRead)
            {
                return null;
            }
        }

        return options;
    }

    /// <summary>Null when it was not given.</summary>
    public string? Text(string name) => _texts.GetValueOrDefault(name);

    public int Number(string name, int otherwise) => _numbers.GetValueOrDefault(name, otherwise);
}

namespace RevenueAspire.AppHost.Output;

/// <summary>The output of all processes on one console: each line behind the name of its source, coloured on a terminal. Safe from many threads.</summary>
internal sealed class PrefixedConsole
{
    private const int NameWidth = 11;
    private const string Reset = "\e[0m";

    private static readonly string[] Colours = ["\e[36m", "\e[33m", "\e[32m", "\e[35m", "\e[34m", "\e[96m", "\e[93m", "\e[92m"];

    private readonly TextWriter _output;
    private readonly bool _colours;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _colourOf = [];

    /// <summary>Colours only where a person looks at a terminal, and has not set NO_COLOR.</summary>
    public PrefixedConsole(TextWriter output)
        : this(output, !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")))
    {
    }

    internal PrefixedConsole(TextWriter output, bool colours)
    {
        _output = output;
        _colours = colours;
    }

    /// <summary>A line of the starter itself.</summary>
    public void Say(string text) => Write("apphost", text);

    /// <summary>A line of <paramref name="source"/>.</summary>
    public void Write(string source, string line)
    {
        lock (_lock)
        {
            var name = source.PadRight(NameWidth);
            _output.WriteLine(_colours ? $"{ColourOf(source)}{name} |{Reset} {line}" : $"{name} | {line}");
        }
    }

    private string ColourOf(string source)
    {
        if (!_colourOf.TryGetValue(source, out var colour))
        {
            colour = Colours[_colourOf.Count % Colours.Length];
            _colourOf.Add(source, colour);
        }

        return colour;
    }
}

using System.Text;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>Builds Bicep text, indented by block.</summary>
internal sealed class BicepWriter
{
    private readonly StringBuilder _text = new();
    private int _depth;

    /// <summary>Returns the value as a Bicep literal.</summary>
    public static string Quote(string value)
    {
        var escaped = value
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("'", "\\'", StringComparison.Ordinal)
            .Replace("${", "\\${", StringComparison.Ordinal);
        return $"'{escaped}'";
    }

    public void Line(string line = "") => _text.Append(' ', line.Length == 0 ? 0 : 2 * _depth).Append(line).Append('\n');

    /// <summary>Writes the first line now, and the last line when the result is disposed. Lines between them are indented.</summary>
    public IDisposable Block(string first, string last = "}")
    {
        Line(first);
        _depth++;
        return new OpenBlock(this, last);
    }

    public override string ToString() => _text.ToString();

    private sealed class OpenBlock(BicepWriter writer, string last) : IDisposable
    {
        public void Dispose()
        {
            writer._depth--;
            writer.Line(last);
        }
    }
}

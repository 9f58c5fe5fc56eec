namespace RevenueAspire.Client.Sending;

/// <summary>Finds the lines of a request's body. Each line ends with a newline. Pure.</summary>
internal static class BodyLines
{
    /// <summary>Returns each line's index (from 0), its start, and its length without the newline.</summary>
    public static IEnumerable<(int Index, int Start, int Length)> Of(ReadOnlyMemory<byte> body)
    {
        var start = 0;
        for (var index = 0; start < body.Length; index++)
        {
            var length = body.Span[start..].IndexOf((byte)'\n');
            yield return (index, start, length);
            start += length + 1;
        }
    }

    /// <summary>Returns the length of the first lines in bytes.</summary>
    public static int Skip(ReadOnlyMemory<byte> body, int lines)
    {
        var start = 0;
        for (var i = 0; i < lines; i++)
        {
            start += body.Span[start..].IndexOf((byte)'\n') + 1;
        }

        return start;
    }
}

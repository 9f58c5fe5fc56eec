namespace RevenueAspire.Client.Sending;

/// <summary>The lines of a request's body, each of which ends in a newline. Pure.</summary>
internal static class BodyLines
{
    /// <summary>Index of each line from 0, where it starts, and its bytes without the newline.</summary>
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

    /// <summary>Bytes that the first lines take.</summary>
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

namespace RevenueAspire.Client.Http;

/// <summary>Prepares text of another machine for a terminal or a log. Pure.</summary>
internal static class RemoteText
{
    private const int MaxLength = 500;

    /// <summary>Returns the first 500 characters, with control characters replaced by spaces.</summary>
    public static string OneLine(string text)
    {
        var line = string.Create(Math.Min(text.Length, MaxLength), text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) ? ' ' : source[i];
            }
        });
        return line.Trim();
    }
}

using System.Text;

namespace RevenueAspire.Torture.Report;

/// <summary>
/// Standard output that stops the run instead of throwing when a write fails: on a full disk, or when the reading process has ended.
/// </summary>
/// <param name="inner">Standard output.</param>
/// <param name="stop">Cancelled on a failed write.</param>
internal sealed class RunOutput(TextWriter inner, CancellationTokenSource stop) : TextWriter
{
    /// <summary>The reason for a failed write, or null.</summary>
    public string? Failure { get; private set; }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        try
        {
            if (Failure is null)
            {
                inner.Write(value);
            }
        }
        catch (IOException lost)
        {
            Failure = lost.Message;
            stop.Cancel();
        }
    }
}

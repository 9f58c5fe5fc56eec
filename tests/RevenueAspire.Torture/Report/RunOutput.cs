using System.Text;

namespace RevenueAspire.Torture.Report;

/// <summary>Standard output that stops the run, in place of an exception, when it cannot be written: on a full disk, or when its reader has gone.</summary>
/// <param name="inner">Standard output.</param>
/// <param name="stop">Cancelled then.</param>
internal sealed class RunOutput(TextWriter inner, CancellationTokenSource stop) : TextWriter
{
    /// <summary>Why standard output cannot be written, or null.</summary>
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

namespace RevenueAspire.CommandLine;

/// <summary>The exit codes of all programs. Scripts rely on them.</summary>
public static class ExitCodes
{
    /// <summary>Success: every line is counted, every event is accepted, or all balances are equal.</summary>
    public const int Done = 0;

    /// <summary>Failed or incomplete, or the result could not be written.</summary>
    public const int NotDone = 1;

    /// <summary>Wrong usage; no work was started.</summary>
    public const int WrongUsage = 2;

    /// <summary>Complete, but some lines were rejected and reported.</summary>
    public const int SomeRejected = 3;

    /// <summary><c>verify</c>: balances differ.</summary>
    public const int Differs = 3;
}

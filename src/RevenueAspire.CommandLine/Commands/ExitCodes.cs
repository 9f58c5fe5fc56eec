namespace RevenueAspire.CommandLine;

/// <summary>The exit codes of all programs. Part of the contract with scripts.</summary>
public static class ExitCodes
{
    /// <summary>Done: every line is counted, every event is accepted, all balances are equal.</summary>
    public const int Done = 0;

    /// <summary>Not done, or done and the result could not be written.</summary>
    public const int NotDone = 1;

    /// <summary>Wrong usage: nothing was begun.</summary>
    public const int WrongUsage = 2;

    /// <summary>Done, but some lines were rejected, and are reported.</summary>
    public const int SomeRejected = 3;

    /// <summary><c>verify</c>: balances differ.</summary>
    public const int Differs = 3;
}

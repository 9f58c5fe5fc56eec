namespace RevenueAspire.Processor;

/// <summary>What the program answers to scripts.</summary>
internal static class ExitCodes
{
    /// <summary>Done, and every line counted.</summary>
    public const int Done = 0;

    /// <summary>Not done.</summary>
    public const int NotDone = 1;

    /// <summary>Wrong usage.</summary>
    public const int WrongUsage = 2;

    /// <summary>Done, but some lines were rejected.</summary>
    public const int SomeRejected = 3;

    /// <summary>verify: balances differ.</summary>
    public const int Differs = 3;
}

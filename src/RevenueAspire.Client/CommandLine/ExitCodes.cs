namespace RevenueAspire.Client.CommandLine;

/// <summary>How the program ends.</summary>
internal static class ExitCodes
{
    /// <summary>Every line is counted.</summary>
    public const int Done = 0;

    /// <summary>Not done, or not to the end.</summary>
    public const int NotDone = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Done, but some lines were rejected, and are reported.</summary>
    public const int Rejected = 3;
}

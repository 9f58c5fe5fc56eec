namespace RevenueAspire.Testing;

/// <summary>What can be sent to a process.</summary>
public enum Signal
{
    /// <summary>As Ctrl+C.</summary>
    Interrupt,

    /// <summary>The polite end.</summary>
    Terminate,

    /// <summary>As a closed terminal.</summary>
    Hangup,

    /// <summary>The end without a last word.</summary>
    Kill,

    /// <summary>Freezes it, with all its threads.</summary>
    Stop,

    /// <summary>Lets it go on.</summary>
    Continue,
}

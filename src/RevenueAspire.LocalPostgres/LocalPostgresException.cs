namespace RevenueAspire.LocalPostgres;

/// <summary>The server cannot be had; one line for people.</summary>
public sealed class LocalPostgresException : Exception
{
    public LocalPostgresException(string message) : base(message) { }

    public LocalPostgresException(string message, Exception inner) : base(message, inner) { }
}

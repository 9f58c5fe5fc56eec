namespace RevenueAspire.Processor;

/// <summary>Something that the person at the command line can mend: exit code 1, one line that says what and what to do.</summary>
internal sealed class UserErrorException : Exception
{
    public UserErrorException(string message) : base(message) { }

    public UserErrorException(string message, Exception inner) : base(message, inner) { }
}

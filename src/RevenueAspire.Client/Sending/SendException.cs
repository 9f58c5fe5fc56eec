using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Sending;

/// <summary>Why a run ended before the end of the file.</summary>
internal enum SendFailure
{
    /// <summary>The API did not answer, or answered "later", for too long.</summary>
    ApiAway,

    Unauthorized,

    /// <summary>The address answers, but not as the API does, or it cannot tell repeats.</summary>
    Refused,

    /// <summary>The API knows a key with another body: the file was changed. Sending it again would meet the same.</summary>
    KeyConflict,

    /// <summary>The run cannot be resumed without the danger of counting lines twice.</summary>
    CannotResume,

    NothingToResume,

    /// <summary>The input, the journal or the file of rejected lines cannot be read or written.</summary>
    LocalFile,
}

/// <summary>Ends a run. The message is one line that says what to do.</summary>
internal sealed class SendException(SendFailure failure, string message, Exception? innerException = null) : UserErrorException(message, innerException)
{
    public SendFailure Failure { get; } = failure;
}

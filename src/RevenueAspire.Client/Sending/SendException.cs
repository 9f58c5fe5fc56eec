using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Sending;

/// <summary>Why a run ended before the end of the file.</summary>
internal enum SendFailure
{
    /// <summary>The API did not answer, or asked to retry later, for too long.</summary>
    ApiAway,

    Unauthorized,

    /// <summary>The server at the address does not answer like the API, the API cannot recognise repeats, or it refuses the token.</summary>
    Refused,

    /// <summary>The API knows a key with another body: the file was changed. A retry would fail again.</summary>
    KeyConflict,

    /// <summary>The run cannot be resumed without the risk of counting lines twice.</summary>
    CannotResume,

    NothingToResume,

    /// <summary>The input, the journal or the file of rejected lines cannot be read or written.</summary>
    LocalFile,
}

/// <summary>Ends a run. The message is one line with the cause and the remedy.</summary>
internal sealed class SendException(SendFailure failure, string message, Exception? innerException = null) : UserErrorException(message, innerException)
{
    public SendFailure Failure { get; } = failure;

    /// <summary>Creates the error for a refused credential.</summary>
    /// <param name="api">The API that refused it.</param>
    /// <param name="answer">Its answer, with <see cref="AttemptOutcome.Unauthorized"/>.</param>
    public static SendException Unauthorized(ApiConnection api, AttemptResult answer) =>
        new(api.HasToken ? SendFailure.Refused : SendFailure.Unauthorized, $"The API at {api.Url} {answer.Detail}.");
}

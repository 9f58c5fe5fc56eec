namespace RevenueAspire.Client.Service;

internal sealed partial class FileSender
{
    [LoggerMessage(5000, LogLevel.Information, "Sending {File} to {Url}")]
    private partial void LogStarted(string file, Uri url);

    [LoggerMessage(5001, LogLevel.Information, "Going on with {File} after line {Line}, where an earlier run was cut off")]
    private partial void LogResumed(string file, long line);

    [LoggerMessage(5002, LogLevel.Information, "{File} is sent: {Lines} lines")]
    private partial void LogFinished(string file, long lines);

    [LoggerMessage(5003, LogLevel.Warning, "{File} is sent: {Lines} lines, {Accepted} accepted, {Rejected} rejected; those are in {RejectedFile}")]
    private partial void LogRejected(string file, long lines, long accepted, long rejected, string rejectedFile);

    [LoggerMessage(5004, LogLevel.Information, "{File} was sent on {When:u}, and is not sent again at start")]
    private partial void LogAlreadySent(string file, DateTimeOffset when);
}

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

    [LoggerMessage(5005, LogLevel.Warning, "An earlier run of {File} was cut off after line {Line} in the log {EarlierLog}; the API now keeps the log {Log}, which has nothing of it, and gets all of it")]
    private partial void LogOtherLog(string file, long line, Guid? earlierLog, Guid? log);

    [LoggerMessage(5004, LogLevel.Information, "{File} was sent on {When:u}, and is not sent again at start")]
    private partial void LogAlreadySent(string file, DateTimeOffset when);
}

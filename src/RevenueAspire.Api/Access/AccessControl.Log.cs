namespace RevenueAspire.Api.Access;

internal sealed partial class AccessControl
{
    [LoggerMessage(2010, LogLevel.Error, "The reloaded settings are not used, the former secrets stay in force: {Errors}")]
    private partial void LogReloadRefused(string errors);

    [LoggerMessage(2011, LogLevel.Error, "The changed settings file {File} cannot be read, the former secrets stay in force: {Reason}")]
    private partial void LogFileRefused(string? file, string reason);
}

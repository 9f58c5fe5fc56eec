namespace RevenueAspire.EventLog.Storage;

/// <summary>A file is held by another handle, of this process or another.</summary>
internal sealed class LockHeldException(Exception cause) : IOException(cause.Message, cause);

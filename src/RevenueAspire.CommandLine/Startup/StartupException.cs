namespace RevenueAspire.CommandLine;

/// <summary>A service cannot start, or go on, for a reason that its user can do something about. <see cref="StartupErrors"/> prints the message, which is one line.</summary>
public sealed class StartupException(string message, Exception? innerException = null) : Exception(message, innerException);

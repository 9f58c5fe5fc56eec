namespace RevenueAspire.CommandLine;

/// <summary>An error that the user can correct. The message is one line with the error and its remedy. <see cref="StartupErrors"/> prints it without a stack
/// trace, and the program ends with exit code 1.</summary>
/// <remarks>If callers must distinguish failures, derive a type that has the kind of failure as a property.</remarks>
public class UserErrorException(string message, Exception? innerException = null) : Exception(message, innerException);

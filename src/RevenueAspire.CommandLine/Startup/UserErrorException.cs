namespace RevenueAspire.CommandLine;

/// <summary>An error that the user can correct. The message is one line with the error and its remedy. <see cref="StartupErrors"/> prints it without a stack
/// trace, and the program ends with exit code 1.</summary>
/// <remarks>A part derives from this type if its callers must distinguish failures, and adds the kind of failure as a property.</remarks>
public class UserErrorException(string message, Exception? innerException = null) : Exception(message, innerException);

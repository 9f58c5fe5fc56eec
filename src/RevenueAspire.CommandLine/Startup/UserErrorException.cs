namespace RevenueAspire.CommandLine;

/// <summary>
/// An error that the user can correct. The message is one line that says what is wrong and what to do. <see cref="StartupErrors"/> prints it without a
/// stack trace, and the program ends with exit code 1.
/// </summary>
/// <remarks>A part derives from this type where its callers distinguish failures, and adds the kind of failure as a property.</remarks>
public class UserErrorException(string message, Exception? innerException = null) : Exception(message, innerException);

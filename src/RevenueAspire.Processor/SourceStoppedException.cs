using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor;

/// <summary>A source cannot continue safely (rules M4, M9, M11, M12); other sources continue. The message is one line for the user, with the cause and the
/// repair.</summary>
internal sealed class SourceStoppedException(string message, Exception? innerException = null) : UserErrorException(message, innerException);

using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor;

/// <summary>A source cannot go on and must not be guessed at (rules M4, M9, M11, M12); the others go on. One line for people that says what and what to
/// do.</summary>
internal sealed class SourceStoppedException(string message, Exception? innerException = null) : UserErrorException(message, innerException);

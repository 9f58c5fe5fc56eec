namespace RevenueAspire.AppHost;

/// <summary>The start cannot go on; the message is one line that says what and what to do.</summary>
internal sealed class StarterException(string message) : Exception(message);

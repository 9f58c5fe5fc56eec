namespace RevenueAspire.EventLog;

/// <summary>A log and what is kept of it.</summary>
/// <param name="LogId">Its id.</param>
/// <param name="FirstOffset">Retention has removed everything up to this offset.</param>
/// <param name="End">Its durable mark.</param>
/// <param name="IsClosed">Whether nothing is appended to it any more.</param>
public readonly record struct LogExtent(Guid LogId, long FirstOffset, long End, bool IsClosed);

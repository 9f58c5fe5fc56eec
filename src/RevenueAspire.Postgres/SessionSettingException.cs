using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>A new session has a setting with which this program would write or read wrong data. The message is one line and names the setting and its place.</summary>
public sealed class SessionSettingException(string message) : NpgsqlException(message);

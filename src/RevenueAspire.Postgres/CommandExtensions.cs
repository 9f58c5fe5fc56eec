using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Adds parameters to commands.</summary>
public static class CommandExtensions
{
    /// <summary>Sets <c>$1</c>, <c>$2</c>... in this order; the driver infers each type from the value.</summary>
    public static NpgsqlCommand With(this NpgsqlCommand command, params ReadOnlySpan<object> values)
    {
        ArgumentNullException.ThrowIfNull(command);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }
}

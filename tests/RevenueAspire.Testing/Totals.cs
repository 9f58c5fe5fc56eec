using System.Globalization;
using System.Numerics;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>The oracle: revenue per user, added up by the simplest possible code. Not thread-safe.</summary>
public sealed class Totals
{
    private readonly Dictionary<string, BigInteger> _revenue = [];

    public IReadOnlyDictionary<string, BigInteger> Users => _revenue;

    public void Add(RevenueEvent e, int times = 1) =>
        _revenue[e.UserId] = _revenue.GetValueOrDefault(e.UserId) + (e.Name == "add_revenue" ? e.Value : -(BigInteger)e.Value) * times;

    public void Add(Totals other, int times = 1)
    {
        foreach (var (user, revenue) in other._revenue)
        {
            _revenue[user] = _revenue.GetValueOrDefault(user) + revenue * times;
        }
    }

    /// <summary>Sets a user's revenue.</summary>
    public void Set(string userId, BigInteger revenue) => _revenue.Add(userId, revenue);

    /// <summary>Reads users_revenue.</summary>
    public static async Task<Totals> ReadAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("select user_id, revenue::text from users_revenue", connection);
        await using var rows = await command.ExecuteReaderAsync();
        var totals = new Totals();
        while (await rows.ReadAsync())
        {
            totals.Set(rows.GetString(0), BigInteger.Parse(rows.GetString(1), CultureInfo.InvariantCulture));
        }

        return totals;
    }

    /// <summary>The first users that differ; empty if both are equal.</summary>
    public string DifferenceTo(Totals actual)
    {
        var differing = _revenue.Keys.Union(actual._revenue.Keys)
            .Where(user => !_revenue.TryGetValue(user, out var expected) || !actual._revenue.TryGetValue(user, out var found) || expected != found)
            .ToArray();
        var shown = differing.Take(5).Select(user => $"{user}: expected {Text(_revenue, user)}, ledger has {Text(actual._revenue, user)}");
        return differing.Length == 0 ? "" : $"{differing.Length} users differ: {string.Join("; ", shown)}";
    }

    private static string Text(Dictionary<string, BigInteger> revenue, string user) =>
        revenue.TryGetValue(user, out var value) ? value.ToString(null, null) : "no row";
}

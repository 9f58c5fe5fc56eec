using System.Text.Json;

namespace RevenueAspire.Testing;

/// <summary>An event as a client writes it.</summary>
public sealed record RevenueEvent(string UserId, string Name, long Value)
{
    // User ids that are difficult in a URL, in JSON, or in a database.
    private static readonly string[] OddUsers =
    [
        "a/b", "a%2Fb", "O'Neill", "\"quoted\"", "tab\tand\nnewline", "😀", "ä ö ü", "NULL", "back\\slash", "?x=1&y=2#z", new string('x', 256), "+", "user 1",
    ];

    /// <summary>A random event of one of <paramref name="users"/> users, some with unusual ids; a few values at the limits of 64 bits.</summary>
    public static RevenueEvent Next(Random random, int users)
    {
        var number = random.Next(users);
        var userId = number < OddUsers.Length ? OddUsers[number] : $"user{number}";
        var value = random.Next(200) switch
        {
            0 => long.MaxValue - random.Next(10),
            1 => long.MinValue + random.Next(10),
            2 => 0,
            _ => random.Next(-1000, 100_000),
        };
        return new RevenueEvent(userId, random.Next(3) == 0 ? "subtract_revenue" : "add_revenue", value);
    }

    /// <summary>A random event like those of <c>load</c>: users user0, user1 and so on, values from 0 to 999.</summary>
    public static RevenueEvent Plain(Random random, int users) =>
        new($"user{random.Next(users).ToString(null, null)}", random.Next(10) < 4 ? "subtract_revenue" : "add_revenue", random.Next(1000));

    public string ToJson() => $$"""{"userId":{{JsonSerializer.Serialize(UserId)}},"name":"{{Name}}","value":{{Value.ToString(null, null)}}}""";

    /// <summary>The event as JSON, with an extra field that identifies it.</summary>
    public string ToJson(string id) => $"{ToJson()[..^1]},\"id\":\"{id}\"}}";
}

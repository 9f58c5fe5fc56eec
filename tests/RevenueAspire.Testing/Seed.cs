using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>Seeds of random tests. Each run prints a new seed; <c>TEST_SEED</c> repeats a run.</summary>
public static class Seed
{
    /// <summary>The environment variable that sets the seed.</summary>
    public const string Variable = "TEST_SEED";

    /// <summary>The seed of this process.</summary>
    public static int Value { get; } = Choose();

    /// <summary>Text for assertion messages: <c>replay with TEST_SEED=123</c>.</summary>
    public static string Hint => $"replay with {Variable}={Value}";

    /// <summary>
    /// Random numbers that depend only on the seed and <paramref name="test"/>, so a test replays independently of other tests. Not thread-safe.
    /// </summary>
    public static Random Random(string test)
    {
        // string.GetHashCode differs per process.
        var mixed = test.Aggregate(unchecked((uint)Value), (hash, c) => (hash ^ c) * 16777619);
        return new Random(unchecked((int)mixed));
    }

    private static int Choose()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out var given) ? given
            : System.Random.Shared.Next();
        Console.WriteLine($"{Variable}={seed}");
        return seed;
    }
}

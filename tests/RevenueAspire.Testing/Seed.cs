using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>Seeds of random tests: new in each run, printed, and taken from <c>TEST_SEED</c> to replay one.</summary>
public static class Seed
{
    /// <summary>The name of the environment variable that replays a run.</summary>
    public const string Variable = "TEST_SEED";

    /// <summary>The seed of this process.</summary>
    public static int Value { get; } = Choose();

    /// <summary>For assertion messages: <c>replay with TEST_SEED=123</c>.</summary>
    public static string Hint => $"replay with {Variable}={Value}";

    /// <summary>
    /// Random numbers that depend on the seed and on <paramref name="test"/> alone, so that a test replays whichever tests run beside it. Not
    /// thread-safe, as any Random.
    /// </summary>
    public static Random Random(string test)
    {
        // String hash codes differ in each process.
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

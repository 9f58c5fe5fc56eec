namespace RevenueAspire.Benchmarks;

/// <summary>Sizes of the measurements. With <c>--quick</c>, a measurement only shows that it runs, and its figures are meaningless.</summary>
/// <remarks>Set once, before the first measurement.</remarks>
internal static class Amounts
{
    private const string Argument = "--quick";

    /// <summary>Whether <c>--quick</c> was given.</summary>
    public static bool Quick { get; private set; }

    /// <summary>Seconds of load after which tiered compilation has finished.</summary>
    public static int WarmUpSeconds => Seconds(5);

    /// <summary>Removes <c>--quick</c> from the arguments.</summary>
    public static string[] Take(string[] arguments)
    {
        Quick = arguments.Contains(Argument);
        return [.. arguments.Where(argument => argument != Argument)];
    }

    public static int Seconds(int seconds) => Quick ? 1 : seconds;

    public static int Runs(int runs) => Quick ? 1 : runs;

    public static int Connections(int connections) => Quick ? Math.Min(connections, 4) : connections;

    public static int Bytes(int bytes) => Quick ? bytes / 25 : bytes;
}

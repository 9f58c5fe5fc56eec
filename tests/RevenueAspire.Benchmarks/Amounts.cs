namespace RevenueAspire.Benchmarks;

/// <summary>How much is done. With <c>--quick</c> as little as it takes to see that a measurement runs: its figures mean nothing.</summary>
/// <remarks>Set once, before anything is measured.</remarks>
internal static class Amounts
{
    private const string Argument = "--quick";

    /// <summary>Whether <c>--quick</c> was given.</summary>
    public static bool Quick { get; private set; }

    /// <summary>Seconds of load after which tiered compilation has finished.</summary>
    public static int WarmUpSeconds => Seconds(5);

    /// <summary>Takes <c>--quick</c> out of the arguments.</summary>
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

using System.Diagnostics;
using System.Globalization;
using CliWrap;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>
/// Gives the API one core and the sender another, so neither takes time from the other, as on two machines. Processes that start in the meantime run on
/// the sender's core.
/// </summary>
/// <remarks>Linux, with the command taskset.</remarks>
internal sealed class OneCoreEach : IDisposable
{
    private const string ApiCore = "0";
    private const string SenderCore = "1";
    private readonly Process _api;
    private readonly string _all = $"0-{Environment.ProcessorCount - 1}";

    private OneCoreEach(Process api)
    {
        _api = api;
        Move(api.Id, ApiCore);
        Move(Environment.ProcessId, SenderCore);
    }

    /// <summary>The API's processor time so far.</summary>
    public TimeSpan ApiTime
    {
        get
        {
            _api.Refresh();
            return _api.TotalProcessorTime;
        }
    }

    /// <summary>Assigns the cores; null with a single core, or outside Linux.</summary>
    public static OneCoreEach? Take(int apiId) =>
        OperatingSystem.IsLinux() && Environment.ProcessorCount > 1 ? new OneCoreEach(Process.GetProcessById(apiId)) : null;

    public void Dispose()
    {
        Move(_api.Id, _all);
        Move(Environment.ProcessId, _all);
        _api.Dispose();
    }

    private static void Move(int processId, string cores)
    {
        var id = processId.ToString(CultureInfo.InvariantCulture);
        var taskset = Cli.Wrap("taskset").WithArguments(["-a", "-c", "-p", cores, id]).WithValidation(CommandResultValidation.None).ExecuteAsync();
        if (!taskset.Task.GetAwaiter().GetResult().IsSuccess)
        {
            throw new InvalidOperationException(
                $"taskset could not assign the cores {cores} to process {processId}; the figures would be wrong.");
        }
    }
}

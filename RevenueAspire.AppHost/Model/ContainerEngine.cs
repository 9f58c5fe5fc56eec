using System.ComponentModel;
using CliWrap;

namespace RevenueAspire.AppHost.Model;

/// <summary>Whether containers can run here: the question that Aspire's orchestrator will ask, asked while the model is built. Aspire offers no public way to
/// ask it.</summary>
internal static class ContainerEngine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary><c>ASPIRE_CONTAINER_RUNTIME</c> when set, else docker or podman, answers <c>container ls -n 1</c>.</summary>
    public static async Task<bool> AnswersAsync()
    {
        string[] engines = Environment.GetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME") is { Length: > 0 } chosen ? [chosen] : ["docker", "podman"];
        var answers = await Task.WhenAll(engines.Select(AnswersAsync));
        return answers.Contains(true);
    }

    private static async Task<bool> AnswersAsync(string engine)
    {
        // A daemon that hangs counts as none.
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            var probe = await Cli.Wrap(engine)
                .WithArguments(["container", "ls", "-n", "1"])
                .WithValidation(CommandResultValidation.None)
                .ExecuteAsync(patience.Token);
            return probe.IsSuccess;
        }
        catch (Exception exception) when (exception is Win32Exception or OperationCanceledException)
        {
            // Not installed, or no answer in time.
            return false;
        }
    }
}

using System.ComponentModel;
using CliWrap;

namespace RevenueAspire.AppHost.Model;

/// <summary>Checks whether containers can run here, while the model is built. Aspire's orchestrator makes the same check later, but has no public API for
/// it.</summary>
internal static class ContainerEngine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Whether <c>ASPIRE_CONTAINER_RUNTIME</c>, or by default docker or podman, answers <c>container ls -n 1</c>.</summary>
    public static async Task<bool> AnswersAsync()
    {
        string[] engines = Environment.GetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME") is { Length: > 0 } chosen ? [chosen] : ["docker", "podman"];
        var answers = await Task.WhenAll(engines.Select(AnswersAsync));
        return answers.Contains(true);
    }

    private static async Task<bool> AnswersAsync(string engine)
    {
        // A hanging daemon counts as unavailable.
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
            // Not installed, or no answer before the timeout.
            return false;
        }
    }
}

using System.ComponentModel;
using System.Diagnostics;

namespace RevenueAspire.AppHost.Model;

/// <summary>Whether containers can run here: the question that Aspire's orchestrator will ask, asked while the model is built. Aspire offers no public way to ask it.</summary>
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
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(engine, ["container", "ls", "-n", "1"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            // Read, so that a long answer does not block the probe.
            var output = Task.WhenAll(probe.StandardOutput.ReadToEndAsync(), probe.StandardError.ReadToEndAsync());
            try
            {
                await probe.WaitForExitAsync().WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                // A daemon that hangs is none.
                probe.Kill(entireProcessTree: true);
                return false;
            }

            await output;
            return probe.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // Not installed.
            return false;
        }
    }
}

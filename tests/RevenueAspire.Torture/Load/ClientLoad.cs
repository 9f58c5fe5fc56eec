using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>Sends files one after the other with the product's client; after a kill or a failure, continues with <c>--resume</c>.</summary>
internal sealed class ClientLoad(TortureStage stage, Commands commands, Sent sent, Random random)
{
    public const string Kind = "client";

    /// <summary>Maximum number of lines per file if the key window is small. The keys of longer files could push each other out of the window.</summary>
    public const int MaxKeptLines = 400;

    private const int MaxLines = 3_000;
    private const int Users = 80;
    private const int AttemptsAfterTheEnd = 3;

    /// <summary>Sends until <paramref name="stop"/>, then finishes the current file.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            await SendFileAsync(number, stop);
        }
    }

    private async Task SendFileAsync(int number, CancellationToken stop)
    {
        var lines = random.Next(200, stage.Retains ? MaxKeptLines : MaxLines);
        var (file, requests) = sent.WriteFile(Path.Combine(stage.Files, $"send-{number}.jsonl"), $"c{number}", Kind, random, lines, Users);
        string[] send = ["send", file.Path, "--concurrency", $"{random.Next(1, 32)}",
            .. random.Next(2) == 0 ? (string[])[] : ["--batch", $"{random.Next(2, 200)}"]];
        string[] resume = [];
        for (var left = AttemptsAfterTheEnd; ;)
        {
            var (code, output) = await commands.RunAsync(Kind, "RevenueAspire.Client", [.. send, .. resume]);
            if (code is 0 or 3)
            {
                if (code != (file.Rejected.Count == 0 ? 0 : 3))
                {
                    stage.Violations.Add(ViolationKind.Other, $"{file.Path} has {file.Rejected.Count} bad lines, but send ended with {code}");
                }

                Array.ForEach(requests, request => request.State = RequestState.Acknowledged);
                return;
            }

            if (stage.Retains && output.Contains("no longer remembers the keys of its open requests", StringComparison.Ordinal))
            {
                // The client stops, because it cannot distinguish a repeat from a new event. The open requests are in the log once or not at all.
                return;
            }

            // A client that was killed before it saved its run has sent nothing.
            resume = output.Contains("Nothing to resume", StringComparison.Ordinal) ? [] : ["--resume"];
            if (stop.IsCancellationRequested && --left == 0)
            {
                stage.Violations.Add(ViolationKind.Other, $"{file.Path} was never sent completely ({code}): {output.Split('\n').LastOrDefault()}");
                return;
            }
        }
    }
}

using System.Globalization;
using System.Text.Json;

namespace RevenueAspire.AppHost.Commands;

/// <summary>What the dashboard can do with the client.</summary>
internal static class ClientCommands
{
    private const string Count = "count";
    private const string Rate = "rate";

    /// <summary>'Send events.jsonl' and 'Send load'.</summary>
    public static IResourceBuilder<ProjectResource> WithSendCommands(this IResourceBuilder<ProjectResource> client) => client
        .WithHttpCommand("/generateEvents", "Send events.jsonl", commandName: "send-events", commandOptions: new()
        {
            Description = "Sends the sample file to the API. Each time counts.",
            IconName = "Send",
            IsHighlighted = true,
            GetCommandResult = DescribeAsync,
        })
        .WithCommand("send-load", "Send load", context => SendLoadAsync(client.Resource, context), new CommandOptions
        {
            Description = "Sends made-up events of the users load-0 to load-999, at a steady rate.",
            IconName = "TopSpeed",
            Arguments =
            [
                new InteractionInput { Name = Count, Label = "Events", InputType = InputType.Number, Required = true, Value = "10000", Description = "How many, up to 1000000." },
                new InteractionInput { Name = Rate, Label = "Events a second", InputType = InputType.Number, Required = true, Value = "1000", Description = "At most, up to 100000; each is a request of its own." },
            ],
            ValidateArguments = context =>
            {
                context.RequireNumber(Count, 1, 1_000_000);
                context.RequireNumber(Rate, 1, 100_000);
                return Task.CompletedTask;
            },
            Progress = new CommandProgressOptions { Title = "Send load", Message = "The events are being sent." },
            UpdateState = CommandInputs.WhileRunning,
        });

    private static async Task<ExecuteCommandResult> DescribeAsync(HttpCommandResultContext context)
    {
        var text = await context.Response.Content.ReadAsStringAsync(context.CancellationToken);
        return Describe(context.Response.IsSuccessStatusCode, (int)context.Response.StatusCode, text);
    }

    /// <summary>One sentence from the answer of <c>/generateEvents</c>: counts, or the problem's detail.</summary>
    internal static ExecuteCommandResult Describe(bool succeeded, int status, string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            var answer = json.RootElement;
            return succeeded
                ? CommandResults.Success(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(answer.GetProperty("file").GetString())}: {answer.GetProperty("sent").GetInt64():N0} events sent, {answer.GetProperty("accepted").GetInt64():N0} accepted, {answer.GetProperty("rejected").GetInt64():N0} rejected."))
                : CommandResults.Failure(answer.GetProperty("detail").GetString());
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return CommandResults.Failure($"The client answered {status}, and nothing that can be read.");
        }
    }

    private static async Task<ExecuteCommandResult> SendLoadAsync(ProjectResource client, ExecuteCommandContext context)
    {
        using var file = new LoadFile();
        try
        {
            await file.WriteAsync(context.Number(Count), context.CancellationToken);
            var sent = await ServiceTool.RunAsync(
                client,
                context,
                ["send", file.Path, "--rate", context.Number(Rate).ToString(CultureInfo.InvariantCulture)],
                // The run's journal goes with the file: nobody resumes it.
                new Dictionary<string, string> { ["Data__Directory"] = file.Folder });
            var line = sent.LastLine.Replace(file.Path, "Load", StringComparison.Ordinal);
            return sent.ExitCode == 0 ? CommandResults.Success(line) : CommandResults.Failure(line);
        }
        catch (OperationCanceledException)
        {
            return CommandResults.Canceled();
        }
    }
}

using System.Globalization;
using System.Text.Json;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Commands;

/// <summary>The client's commands in the dashboard.</summary>
internal static class ClientCommands
{
    private const string Count = "count";
    private const string Rate = "rate";
    private const int SecondsPerDay = 86_400;

    /// <summary>Adds 'Send events.jsonl' and 'Send load'.</summary>
    public static IResourceBuilder<ProjectResource> WithSendCommands(this IResourceBuilder<ProjectResource> client) => client
        .WithHttpCommand("/generateEvents", "Send events.jsonl", commandName: "send-events", commandOptions: new()
        {
            Description = "Sends the sample file to the API. Its events count again with each run.",
            IconName = "Send",
            IsHighlighted = true,
            GetCommandResult = DescribeAsync,
        })
        .WithCommand("send-load", "Send load", context => SendLoadAsync(client.Resource, context), new CommandOptions
        {
            Description = "Sends generated events for the users load-1 to load-1000 at a steady rate.",
            IconName = "TopSpeed",
            Arguments =
            [
                Number(Count, "Events", "10000", "Number of events, up to 1000000."),
                Number(Rate, "Events per second", "1000", "Up to 100000. Each event is a separate request."),
            ],
            ValidateArguments = context =>
            {
                var (count, rate) = (context.RequireNumber(Count, 1, 1_000_000), context.RequireNumber(Rate, 1, 100_000));
                if (count / rate >= SecondsPerDay)
                {
                    context.AddValidationError(context.Inputs[Rate], "Sending that many events at this rate takes more than a day.");
                }

                return Task.CompletedTask;
            },
            Progress = new CommandProgressOptions { Title = "Send load", Message = "Sending events." },
            UpdateState = CommandInputs.WhileRunning,
        });

    private static async Task<ExecuteCommandResult> DescribeAsync(HttpCommandResultContext context)
    {
        var text = await context.Response.Content.ReadAsStringAsync(context.CancellationToken);
        return Describe(context.Response.IsSuccessStatusCode, (int)context.Response.StatusCode, text);
    }

    /// <summary>Summarises the answer of <c>/generateEvents</c> in one sentence: the counts, or the problem's detail.</summary>
    internal static ExecuteCommandResult Describe(bool succeeded, int status, string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            var answer = json.RootElement;
            return succeeded
                ? CommandResults.Success(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Path.GetFileName(answer.GetProperty("file").GetString())}: {answer.GetProperty("sent").GetInt64():N0} events sent, "
                        + $"{answer.GetProperty("accepted").GetInt64():N0} accepted, {answer.GetProperty("rejected").GetInt64():N0} rejected."))
                : CommandResults.Failure(answer.GetProperty("detail").GetString());
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return CommandResults.Failure($"The client answered {status} with an unreadable body.");
        }
    }

    private static InteractionInput Number(string name, string label, string value, string description) =>
        new() { Name = name, Label = label, InputType = InputType.Number, Required = true, Value = value, Description = description };

    /// <summary>Runs the client's <c>load</c> as long as the events take at this rate.</summary>
    private static Task<ExecuteCommandResult> SendLoadAsync(ProjectResource client, ExecuteCommandContext context)
    {
        var (count, rate) = (context.Number(Count), context.Number(Rate));
        var duration = ((decimal)count / rate).ToString(CultureInfo.InvariantCulture);
        return ServiceTool.RunAsync(client, context, ["load", "--rate", rate.ToString(CultureInfo.InvariantCulture), "--duration", duration],
            load => load.ExitCode == ExitCodes.Done ? CommandResults.Success(load.LastLine) : CommandResults.Failure(load.LastLine));
    }
}

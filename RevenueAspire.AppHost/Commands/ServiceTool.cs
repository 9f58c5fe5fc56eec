using System.Reflection;
using CliWrap;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Commands;

/// <summary>The output of a finished command: the first and the last lines of each stream.</summary>
internal sealed record CommandLineResult(int ExitCode, IReadOnlyList<string> Output, IReadOnlyList<string> Errors)
{
    /// <summary>The last line. By convention, it describes the outcome.</summary>
    public string LastLine => Lines.LastOrDefault(line => line.Trim().Length > 0)?.Trim() ?? $"Ended with exit code {ExitCode} and without a message.";

    public string Text => string.Join('\n', Output.Concat(Errors)).Trim('\n');

    private IEnumerable<string> Lines => ExitCode is ExitCodes.Done or ExitCodes.SomeRejected ? Errors.Concat(Output) : Output.Concat(Errors);
}

/// <summary>Runs the command line of a service once, as a command of the dashboard. It uses the service's program and environment.</summary>
internal static partial class ServiceTool
{
    private const int LinesKept = 200;

    /// <summary>Runs the program until it exits. Its output also appears in the resource's console log.</summary>
    /// <param name="service">The service with the program and the environment.</param>
    /// <param name="context">The command. Its cancellation kills the program and its children, which is safe for each of these programs.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="describe">Creates the dashboard's answer, unless the command was cancelled.</param>
    public static async Task<ExecuteCommandResult> RunAsync(
        ProjectResource service, ExecuteCommandContext context, IReadOnlyList<string> arguments, Func<CommandLineResult, ExecuteCommandResult> describe)
    {
        try
        {
            return describe(await RunAsync(service, context, arguments));
        }
        catch (OperationCanceledException)
        {
            return CommandResults.Canceled();
        }
    }

    private static async Task<CommandLineResult> RunAsync(ProjectResource service, ExecuteCommandContext context, IReadOnlyList<string> arguments)
    {
        var environment = await EnvironmentOfAsync(service, context);
        // Remove the dashboard's addresses, which only the AppHost uses.
        environment["ASPNETCORE_URLS"] = null;
        // The dashboard shows an instance under the name of its service.
        environment["OTEL_SERVICE_NAME"] = service.Name;
        if (context.ResourceName.StartsWith(service.Name + "-", StringComparison.Ordinal))
        {
            environment["OTEL_RESOURCE_ATTRIBUTES"] = "service.instance.id=" + context.ResourceName[(service.Name.Length + 1)..];
        }

        var (output, errors) = (new List<string>(), new List<string>());
        var project = service.GetProjectMetadata().ProjectPath;
        var ended = await Cli.Wrap(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
            .WithArguments(["run", "--no-build", "--no-launch-profile", "--configuration", Configuration, "--project", project, "--", .. arguments])
            .WithEnvironmentVariables(environment)
            .WithValidation(CommandResultValidation.None)
            .WithStandardOutputPipe(PipeTarget.ToDelegate(line => Keep(output, line, context.Logger)))
            .WithStandardErrorPipe(PipeTarget.ToDelegate(line => Keep(errors, line, context.Logger)))
            .ExecuteAsync(context.CancellationToken);
        return new CommandLineResult(ended.ExitCode, output, errors);
    }

    /// <summary>The services are built in the AppHost's configuration.</summary>
    private static string Configuration => typeof(ServiceTool).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    private static async Task<Dictionary<string, string?>> EnvironmentOfAsync(ProjectResource service, ExecuteCommandContext context)
    {
        var configured = await ExecutionConfigurationBuilder.Create(service)
            .WithEnvironmentVariablesConfig()
            .BuildAsync(context.Services.GetRequiredService<DistributedApplicationExecutionContext>(), context.Logger, context.CancellationToken);
        if (configured.Exception is { } failure)
        {
            throw new InvalidOperationException($"The environment of {service.Name} cannot be resolved: {failure.Message}", failure);
        }

        // Omit templates, which only the orchestrator can fill in, per replica.
        return configured.EnvironmentVariables
            .Where(variable => !variable.Value.Contains("{{", StringComparison.Ordinal))
            .ToDictionary(variable => variable.Key, variable => (string?)variable.Value);
    }

    private static void Keep(List<string> lines, string line, ILogger logger)
    {
        LogLine(logger, line);
        if (lines.Count == LinesKept)
        {
            // Keep the first and the last lines: the command and its outcome.
            lines.RemoveAt(LinesKept / 2);
        }

        lines.Add(line);
    }

    [LoggerMessage(EventIds.CommandLine, LogLevel.Information, "{Line}")]
    private static partial void LogLine(ILogger logger, string line);
}

using System.Diagnostics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Commands;

/// <summary>What a program said before it ended.</summary>
internal sealed record ToolResult(int ExitCode, IReadOnlyList<string> Output, IReadOnlyList<string> Errors)
{
    /// <summary>The line that says how it ended: by convention of these tools the last one.</summary>
    public string LastLine => Lines.LastOrDefault(line => line.Trim().Length > 0)?.Trim() ?? $"It ended with exit code {ExitCode} and said nothing.";

    /// <summary>All of it.</summary>
    public string Text => string.Join('\n', Output.Concat(Errors)).Trim('\n');

    private IEnumerable<string> Lines => ExitCode is 0 or 3 ? Errors.Concat(Output) : Output.Concat(Errors);
}

/// <summary>Runs the command line of a service once, as a command of the dashboard: the same program, with the environment that the service has.</summary>
internal static partial class ServiceTool
{
    /// <summary>Runs it to its end; its lines also appear in the resource's console log.</summary>
    /// <param name="service">Whose program and environment.</param>
    /// <param name="context">The command; its cancellation kills the program, which all of them survive by design.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="environment">Settings that differ from the service's.</param>
    public static async Task<ToolResult> RunAsync(ProjectResource service, ExecuteCommandContext context, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            ["run", "--no-build", "--no-launch-profile", "--configuration", Configuration, "--project", service.GetProjectMetadata().ProjectPath, "--", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The dashboard's addresses are the AppHost's own.
        start.Environment.Remove("ASPNETCORE_URLS");
        foreach (var (name, value) in await EnvironmentOfAsync(service, context))
        {
            start.Environment[name] = value;
        }

        // Under the resource's own name in the dashboard: an instance is called after its service.
        start.Environment["OTEL_SERVICE_NAME"] = service.Name;
        if (context.ResourceName.StartsWith(service.Name + "-", StringComparison.Ordinal))
        {
            start.Environment["OTEL_RESOURCE_ATTRIBUTES"] = "service.instance.id=" + context.ResourceName[(service.Name.Length + 1)..];
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        await using var kill = context.CancellationToken.Register(() => process.Kill(entireProcessTree: true));
        var output = ReadAsync(process.StandardOutput, context.Logger);
        var errors = ReadAsync(process.StandardError, context.Logger);
        await Task.WhenAll(output, errors, process.WaitForExitAsync(CancellationToken.None));
        context.CancellationToken.ThrowIfCancellationRequested();
        return new ToolResult(process.ExitCode, await output, await errors);
    }

    /// <summary>The services are built in the AppHost's configuration.</summary>
    private static string Configuration => typeof(ServiceTool).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    private static async Task<IEnumerable<KeyValuePair<string, string>>> EnvironmentOfAsync(ProjectResource service, ExecuteCommandContext context)
    {
        var configured = await ExecutionConfigurationBuilder.Create(service)
            .WithEnvironmentVariablesConfig()
            .BuildAsync(context.Services.GetRequiredService<DistributedApplicationExecutionContext>(), context.Logger, context.CancellationToken);
        if (configured.Exception is { } failure)
        {
            throw new InvalidOperationException($"The environment of {service.Name} cannot be made: {failure.Message}", failure);
        }

        // A template is for the orchestrator to fill in, per replica.
        return configured.EnvironmentVariables.Where(variable => !variable.Value.Contains("{{", StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyList<string>> ReadAsync(StreamReader reader, ILogger logger)
    {
        var lines = new List<string>();
        while (await reader.ReadLineAsync() is { } line)
        {
            LogLine(logger, line);
            if (lines.Count < LinesKept)
            {
                lines.Add(line);
            }
            else
            {
                // The end says how it went.
                lines.RemoveAt(LinesKept / 2);
                lines.Add(line);
            }
        }

        return lines;
    }

    private const int LinesKept = 200;

    [LoggerMessage(6010, LogLevel.Information, "{Line}")]
    private static partial void LogLine(ILogger logger, string line);
}

using System.Globalization;
using System.Text;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Runs the command line in this process, with files and journals in a separate folder.</summary>
internal sealed class SendHarness : IDisposable
{
    private readonly TempDirectory _directory = new();

    public ClientOptions Options { get; } = new() { GiveUpAfterSeconds = 10, RequestTimeoutSeconds = 10 };

    public string JournalDirectory => _directory.File("client");

    /// <summary>Cancels a command, like Ctrl+C.</summary>
    public CancellationTokenSource Stop { get; set; } = new();

    /// <summary>The content of standard input.</summary>
    public byte[] Input { get; set; } = [];

    /// <summary>Whether standard error shows a bar.</summary>
    public bool IsInteractive { get; set; }

    /// <summary>Standard output of the last command.</summary>
    public string Out { get; private set; } = "";

    /// <summary>Standard error of the last command.</summary>
    public string Error { get; private set; } = "";

    public string Path(string name) => _directory.File(name);

    /// <summary>Writes a file of lines, each with a newline.</summary>
    public string Write(string name, params IEnumerable<string> lines)
    {
        File.WriteAllText(Path(name), string.Concat(lines.Select(line => line + "\n")));
        return Path(name);
    }

    public static string Event(int number) => string.Create(
        CultureInfo.InvariantCulture, $$"""{"userId":"user{{number % 7}}","name":"add_revenue","value":{{number}}}""");

    public static string[] Events(int count) => [.. Enumerable.Range(1, count).Select(Event)];

    /// <summary>Lines of FILE.rejected.jsonl; null if the file does not exist.</summary>
    public static string[]? Rejected(string file) => File.Exists(file + ".rejected.jsonl") ? File.ReadAllLines(file + ".rejected.jsonl") : null;

    public Task<int> SendAsync(FakeApi api, string file, params string[] options) => RunAsync(["send", file, "--url", api.Url.ToString(), .. options]);

    /// <summary>Runs a command line; returns its exit code.</summary>
    public async Task<int> RunAsync(params string[] args)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        using var http = new HttpMessageInvoker(handler);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(output, TextWriter.Synchronized(error), IsInteractive, () => new MemoryStream(Input));
        try
        {
            return await ClientCommandLine.RunAsync(
                args,
                terminal,
                new ClientCommands(
                    Service: () => Task.FromResult(-1),
                    Send: arguments =>
                        new SendCommand(
                            arguments,
                            Options,
                            new ApiTarget(http, new Uri(arguments.Url ?? Options.Url)),
                            JournalDirectory,
                            terminal,
                            TimeProvider.System).RunAsync(Stop.Token),
                    Load: arguments =>
                        new LoadCommand(
                            arguments,
                            Options,
                            new ApiTarget(http, new Uri(arguments.Url ?? Options.Url)),
                            terminal,
                            TimeProvider.System).RunAsync(Stop.Token)));
        }
        finally
        {
            (Out, Error) = (output.ToString(), error.ToString());
        }
    }

    public void Dispose()
    {
        Stop.Dispose();
        _directory.Dispose();
    }
}

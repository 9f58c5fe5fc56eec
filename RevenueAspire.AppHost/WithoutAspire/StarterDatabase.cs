using System.Security.Cryptography;
using RevenueAspire.AppHost.Output;
using RevenueAspire.LocalPostgres;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost;

/// <summary>The database: the user's own when a connection string is set, else a local Postgres that runs as long as the starter.</summary>
internal sealed class StarterDatabase : IAsyncDisposable
{
    private readonly LocalPostgresServer? _server;

    private StarterDatabase(LocalPostgresServer? server, string connectionString, string description)
    {
        _server = server;
        ConnectionString = connectionString;
        Description = description;
    }

    public string ConnectionString { get; }

    /// <summary>For people: how to look into it.</summary>
    public string Description { get; }

    /// <summary>Completes when a local server has ended; never for the user's own.</summary>
    public Task Ended => _server?.Exited ?? new TaskCompletionSource().Task;

    /// <exception cref="LocalPostgresException">No server can be had.</exception>
    public static async Task<StarterDatabase> StartAsync(StarterSettings settings, PrefixedConsole console, CancellationToken cancellationToken)
    {
        if (settings.ConnectionString is { } given)
        {
            return new StarterDatabase(null, given, $"the one given as ConnectionStrings:{Extensions.DatabaseName}");
        }

        var passwordFile = Path.Combine(settings.DataDirectory, "pgpass");
        var server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = Path.Combine(settings.DataDirectory, "postgres"),
                Port = settings.PostgresPort,
                Password = ReadOrCreatePassword(passwordFile),
                StopWithParent = true,
                // A line a checkpoint says nothing to the person at the terminal.
                Settings = new Dictionary<string, string> { ["log_checkpoints"] = "off" },
                Log = line => console.Write("postgres", line),
            },
            cancellationToken);
        try
        {
            await server.EnsureDatabaseAsync(Extensions.DatabaseName, cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return new StarterDatabase(
            server,
            server.ConnectionString(Extensions.DatabaseName),
            $"PGPASSFILE={passwordFile} psql -h 127.0.0.1 -p {server.Port} -U postgres {Extensions.DatabaseName}");
    }

    public Task StopAsync(CancellationToken immediate) => _server?.StopAsync(immediate) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>One password for the life of the data directory, in a file that psql reads as well (and only if nobody else may).</summary>
    /// <exception cref="StarterException">The file is somebody else's, or cannot be read or written.</exception>
    internal static string ReadOrCreatePassword(string file)
    {
        try
        {
            if (Path.Exists(file) || new FileInfo(file).LinkTarget is not null)
            {
                if (OwnFile.ProblemOfFile(file) is { } problem)
                {
                    throw new StarterException($"No password is taken from {file}: {problem}. Look at it, and remove it.");
                }

                if (File.ReadAllText(file).Trim().Split(':') is [.., { Length: > 0 } kept])
                {
                    return kept;
                }
            }

            var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            var temporary = $"{file}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            // Whole or not at all: half a password would lock us out of the server that is made with it.
            using (var writer = new StreamWriter(temporary, options))
            {
                writer.WriteLine($"127.0.0.1:*:*:postgres:{password}");
            }

            File.Move(temporary, file, overwrite: true);
            return password;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StarterException($"The password of Postgres cannot be kept in {file}: {exception.Message} Choose another data directory with --Data:Directory=PATH.");
        }
    }
}

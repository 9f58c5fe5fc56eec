using Npgsql;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>Helpers for the tests: options, statements, and a server owner process that can be killed.</summary>
internal static class LocalServer
{
    public static LocalPostgresOptions Options(
        TempDirectory directory, string password = "test", int port = 0, Action<string>? log = null, PostgresSearch? search = null) =>
        new() { DataDirectory = directory.File("data"), Password = password, Port = port, Log = log, StopWithParent = true, Search = search };

    public static Task<LocalPostgresServer> StartAsync(TempDirectory directory, string password = "test", int port = 0, Action<string>? log = null) =>
        LocalPostgresServer.StartAsync(Options(directory, password, port, log), CancellationToken.None);

    public static async Task<T> QueryAsync<T>(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static async Task ExecuteAsync(string connectionString, string sql) => await QueryAsync<int>(connectionString, $"{sql}; select 1");

    /// <summary>Starts a process that owns a server (password <c>owner</c>). Returns the process, and the process id and port of the server.</summary>
    public static async Task<(ServiceProcess Process, int ServerId, int Port)> StartOwnerAsync(
        TempDirectory directory, int port = 0, bool stopWithParent = false)
    {
        string[] arguments = [Program.OwnServer, directory.File("data"), port.ToString(null, null), stopWithParent.ToString()];
        var process = ServiceProcess.Start(typeof(Program).Assembly.Location, arguments);
        var words = (await process.WaitForLineAsync("ready: ", TimeSpan.FromSeconds(60))).Split(' ');
        return (process, int.Parse(words[1], null), int.Parse(words[2], null));
    }
}

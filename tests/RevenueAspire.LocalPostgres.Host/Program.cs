using RevenueAspire.LocalPostgres;

// Owns a server until it is killed: the tests' stand-in for an AppHost. Arguments: data directory, port, whether the server stops with it.
var server = await LocalPostgresServer.StartAsync(
    new LocalPostgresOptions { DataDirectory = args[0], Port = int.Parse(args[1], null), Password = "host", StopWithParent = bool.Parse(args[2]), Log = Console.WriteLine },
    CancellationToken.None);
Console.WriteLine($"ready: {server.ProcessId} {server.Port}");
await Task.Delay(Timeout.Infinite);

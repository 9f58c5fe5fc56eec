using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Service;
using RevenueAspire.CommandLine;

return await StartupErrors.RunAsync(
    () => ClientCommandLine.RunAsync(args, Terminal.Console, new ClientCommands(ClientService.RunAsync, ToolHost.SendAsync, ToolHost.LoadAsync)),
    describe: exception => exception is InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } ? exception.Message : null);

using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Service;
using RevenueAspire.ServiceDefaults;

return await StartupErrors.RunAsync(
    () => ClientCommandLine.RunAsync(args, Terminal.Console, service: ClientService.RunAsync, send: SendProgram.RunAsync),
    describe: exception => exception is InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } ? exception.Message : null);

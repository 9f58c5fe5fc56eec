using RevenueAspire.AppHost;
using RevenueAspire.AppHost.Output;
using RevenueAspire.LocalPostgres;
using RevenueAspire.ServiceDefaults;

Console.WriteLine("Aspire's packages are not on the NuGet feed, so this small starter runs the same services, without a dashboard. To ask the feed again: delete the folder artifacts/ and build.");

return await StartupErrors.RunAsync(
    async () =>
    {
        var settings = StarterSettings.Read(args);
        using var stop = new StopRequest();
        await using var starter = new Starter(settings, new PrefixedConsole(Console.Out), stop);
        return await starter.RunAsync();
    },
    exception => exception is StarterException or LocalPostgresException ? exception.Message : null);

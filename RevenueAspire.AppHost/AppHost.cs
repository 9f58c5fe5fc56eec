using RevenueAspire.AppHost.Commands;
using RevenueAspire.AppHost.Model;
using RevenueAspire.AppHost.Publishing;
using RevenueAspire.CommandLine;
using RevenueAspire.LocalPostgres;

LoopbackTraffic.BypassProxy();
return await StartupErrors.RunAsync(
    async () =>
    {
        var builder = DistributedApplication.CreateBuilder(args);
        builder.AddRunMode();

        var secret = builder.AddSecret("ingest-secret", inRunMode: "secret");
        var revenuedb = await builder.AddRevenueDatabaseAsync();

        var api = builder.AddProject<Projects.RevenueAspire_Api>("api", launchProfileName: null)
            .WithLocalPort("Ports:Api", 8000)
            .WithHealth()
            .WithDatabase(revenuedb)
            .WithEnvironment("Ingest__Secrets__0", secret)
            .WithSharedFolders()
            .WithNamedUrls(("/", "Live page"), ("/docs", "API reference"), ("/health", "API health"))
            .WithReadyMessage()
            .WithIconName("MoneyHand");

        var client = builder.AddProject<Projects.RevenueAspire_Client>("client", launchProfileName: null)
            .WithLocalPort("Ports:Client", 3000)
            .WithHealth()
            .WithReference(api).WaitFor(api)
            .WithEnvironment("Client__Url", "https+http://api")
            .WithEnvironment("Client__Secret", secret)
            .WithEnvironment("Client__SendOnStart", builder.ExecutionContext.IsRunMode ? "true" : "false")
            .WithSharedFolders()
            .WithNamedUrls(("/health", "Client health"))
            .WithSendCommands()
            .WithIconName("DocumentArrowRight");

        var processor = builder.AddProject<Projects.RevenueAspire_Processor>("processor", launchProfileName: null)
            .WithReplicas(builder.Number("Processor:Replicas", otherwise: 2, least: 1, most: 16))
            .WithDatabase(revenuedb).WaitFor(api)
            .WithHistory()
            .WithSharedFolders()
            .WithLedgerCommands()
            .WithIconName("Calculator");

        builder.AddPublishMode(api, client, processor);

        using var data = AppHostLock.Acquire(builder);
        await using var app = builder.Build();
        await app.RunAsync();
    },
    describe: exception => (exception as LocalPostgresException)?.Message);

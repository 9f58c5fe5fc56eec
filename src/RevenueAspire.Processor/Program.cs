using RevenueAspire.Processor.CommandLine;

return await ProcessorCommandLine.RunAsync(args);

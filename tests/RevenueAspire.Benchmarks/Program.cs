using BenchmarkDotNet.Running;

// One class a hot path: `--filter '*EventParser*'`, or without arguments a menu.
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);

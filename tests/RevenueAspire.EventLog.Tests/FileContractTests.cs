using RevenueAspire.EventLog.Tests.Contract;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Runs the contract's tests on the file store.</summary>
public sealed class FileAppendTests() : AppendContract(new FileLogFixture());

/// <inheritdoc cref="FileAppendTests"/>
public sealed class FileKeyTests() : KeyContract(new FileLogFixture());

/// <inheritdoc cref="FileAppendTests"/>
public sealed class FileReadTests() : ReadContract(new FileLogFixture());

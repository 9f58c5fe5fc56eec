using RevenueAspire.EventLog.Tests.Contract;

namespace RevenueAspire.EventLog.Tests;

/// <summary>The file store keeps the contract.</summary>
public sealed class FileAppendTests() : AppendContract(new FileLogFixture());

/// <inheritdoc cref="FileAppendTests"/>
public sealed class FileKeyTests() : KeyContract(new FileLogFixture());

/// <inheritdoc cref="FileAppendTests"/>
public sealed class FileReadTests() : ReadContract(new FileLogFixture());

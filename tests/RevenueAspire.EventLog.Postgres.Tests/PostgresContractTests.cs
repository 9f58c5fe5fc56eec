using RevenueAspire.EventLog.Tests.Contract;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>The Postgres store keeps the contract.</summary>
public sealed class PostgresAppendTests() : AppendContract(new PostgresLogFixture());

/// <inheritdoc cref="PostgresAppendTests"/>
public sealed class PostgresKeyTests() : KeyContract(new PostgresLogFixture());

/// <inheritdoc cref="PostgresAppendTests"/>
public sealed class PostgresReadTests() : ReadContract(new PostgresLogFixture());

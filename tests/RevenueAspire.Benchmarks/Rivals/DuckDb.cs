#:package DuckDB.NET.Data.Full

// A dry run's work with DuckDB: its JSON reader and one group by. A separate program, since DuckDB's libraries would add 110 MB to every build.
// dotnet build -c Release tests/RevenueAspire.Benchmarks/Rivals/DuckDb.cs -o OUT, then ... -- processor --rival OUT/DuckDb
using DuckDB.NET.Data;

using var connection = new DuckDBConnection("DataSource=:memory:");
connection.Open();
using var command = connection.CreateCommand();
command.CommandText = """
    select count(*), sum(events), sum(revenue) from (
        select userId, count(*) as events, sum(case name when 'add_revenue' then value else -value end) as revenue
        from read_ndjson($1, columns = {userId: 'varchar', name: 'varchar', value: 'bigint'})
        group by userId)
    """;
command.Parameters.Add(new DuckDBParameter(args[0]));
using var row = command.ExecuteReader();
row.Read();
Console.WriteLine(FormattableString.Invariant($"{row.GetValue(0)} users, {row.GetValue(1)} events, revenue {row.GetValue(2)}"));

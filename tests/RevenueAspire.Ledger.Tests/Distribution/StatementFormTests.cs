using System.Reflection;
using System.Text.RegularExpressions;

namespace RevenueAspire.Ledger.Tests;

/// <summary>No statement of the ledger has a form that Citus refuses, for which it fetches all users, or which it commits in one phase. The README lists these
/// forms with reasons.</summary>
public sealed partial class StatementFormTests
{
    /// <summary>All statements in fields of the ledger that use the table. Excludes statements of the history, because a distributed ledger keeps none, and
    /// statements that a method builds.</summary>
    public static TheoryData<string, string> Statements { get; } = new(
        from type in typeof(LedgerSchema).Assembly.GetTypes()
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        where field.FieldType == typeof(string) && !type.ContainsGenericParameters
            && !type.Name.StartsWith("History", StringComparison.Ordinal) && !field.Name.EndsWith("WithHistory", StringComparison.Ordinal)
        let text = (string?)field.GetValue(null)
        where text is not null
        from statement in text.Split(';')
        where NamesUsers().IsMatch(statement)
        select ($"{type.Name}.{field.Name}", statement));

    [Theory]
    [MemberData(nameof(Statements))]
    public void No_statement_has_a_form_that_a_distributed_ledger_does_not_support(string name, string sql) =>
        Assert.Empty(Faults(sql).Select(fault => $"{name}: {fault}"));

    [Theory]
    [InlineData("select exists (select from users_revenue)", "row without a column")]
    [InlineData("select exists (select 1 from users_revenue)", "all users")]
    [InlineData("with a as (select where exists (select 1 from users_revenue limit 1)) select 1 from a", "row without a column")]
    [InlineData("insert into users_revenue values ('a', 1)", "one phase")]
    [InlineData("update users_revenue set revenue = 0", "one phase")]
    [InlineData("delete from users_revenue", "one phase")]
    [InlineData("select (select r.user_id from users_revenue r where r.user_id > p.merged_through order by r.user_id limit 1) from event_part p", "correlated")]
    [InlineData("select (select user_id from users_revenue where user_id = p.upper_key limit 1) from event_part as p", "correlated")]
    public void The_test_detects_each_unsupported_form(string sql, string fault) =>
        Assert.Contains(Faults(sql), found => found.Contains(fault, StringComparison.Ordinal));

    [Fact]
    public void The_tested_statements_include_known_users_of_the_table()
    {
        var names = Statements.Select(row => row.Data.Item1).ToArray();
        string[] some = ["LiveApply.Apply", "PartMerge.Begin", "PartMerge.Any", "PartMerge.Distributed", "LedgerContent.IsEmptied", "OverviewQueries.Top"];
        foreach (var expected in some)
        {
            Assert.Contains(expected, names);
        }
    }

    private static IEnumerable<string> Faults(string sql)
    {
        if (WithoutColumn().IsMatch(sql))
        {
            yield return "a row without a column: Citus passes rows between servers as files with columns (42601)";
        }

        if (AllUsers().IsMatch(sql))
        {
            yield return "all users are fetched to the coordinator: limit it";
        }

        if (OnePhase().IsMatch(sql))
        {
            yield return "one phase: a write to one shard commits there before the coordinator; only insert ... select is always in two phases";
        }

        foreach (var query in Queries(sql))
        {
            // Remove the text in parentheses, so each query is checked alone.
            var outer = InnerParentheses(query);
            if (FromUsers().Match(outer) is { Success: true } from)
            {
                var own = from.Groups["alias"].Success ? from.Groups["alias"].Value : "users_revenue";
                if (Qualified().Matches(outer).Any(match => match.Groups[1].Value is var alias && alias != own))
                {
                    yield return "a correlated query of users_revenue (0A000)";
                }
            }
        }
    }

    /// <summary>The statement, and each query in parentheses.</summary>
    private static IEnumerable<string> Queries(string sql)
    {
        yield return sql;
        for (var at = sql.IndexOf('('); at >= 0; at = sql.IndexOf('(', at + 1))
        {
            var (depth, end) = (1, at + 1);
            for (; end < sql.Length && depth > 0; end++)
            {
                depth += sql[end] switch { '(' => 1, ')' => -1, _ => 0 };
            }

            yield return sql[(at + 1)..(end - (depth == 0 ? 1 : 0))];
        }
    }

    private static string InnerParentheses(string query)
    {
        for (string last; (last = query) != (query = Innermost().Replace(query, " "));)
        {
        }

        return query;
    }

    [GeneratedRegex(@"\b(from|into|update|join)\s+users_revenue\b")]
    private static partial Regex NamesUsers();

    [GeneratedRegex(@"select\s+(from|where)\b")]
    private static partial Regex WithoutColumn();

    [GeneratedRegex(@"exists\s*\(select 1 from users_revenue(?! limit 1)")]
    private static partial Regex AllUsers();

    [GeneratedRegex(@"(update|delete from)\s+users_revenue|insert into users_revenue[^;]*?\)?\s*values\s*\(")]
    private static partial Regex OnePhase();

    [GeneratedRegex(@"\bfrom\s+users_revenue(\s+(as\s+)?(?<alias>(?!where|order|limit|join)\w+))?")]
    private static partial Regex FromUsers();

    [GeneratedRegex(@"\b([a-z]\w*)\.[a-z]")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"\([^()]*\)")]
    private static partial Regex Innermost();
}

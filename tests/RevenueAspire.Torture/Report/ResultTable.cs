using System.Globalization;
using RevenueAspire.Torture.Checks;
using Spectre.Console;

namespace RevenueAspire.Torture.Report;

/// <summary>The tables at the end of a run.</summary>
internal static class ResultTable
{
    private const int Width = 120;

    /// <summary>Writes results, and the number of violations of each kind.</summary>
    public static void Write(IEnumerable<(string Name, string Value)> results, Violations violations) => Write(
        ["Result", ""],
        results.Concat(Enum.GetValues<ViolationKind>().Select(kind => (Name(kind), Number(violations.Count(kind)))))
            .Select(row => (string[])[row.Item1, row.Item2]));

    /// <summary>Writes a table; all columns but the first are right-aligned.</summary>
    public static void Write(string[] columns, IEnumerable<string[]> rows)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = Width;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumn(columns[0]);
        table.AddColumns([.. columns.Skip(1).Select(column => new TableColumn(column).RightAligned())]);
        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        console.Write(table);
    }

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Name(ViolationKind kind) => kind switch
    {
        ViolationKind.Lost => "Lost",
        ViolationKind.Repeated => "Repeated",
        ViolationKind.WrongBalance => "Wrong balances",
        ViolationKind.Deadlock => "Deadlocks",
        _ => "Other violations",
    };
}

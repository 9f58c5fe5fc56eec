using System.Globalization;
using RevenueAspire.Torture.Checks;
using Spectre.Console;

namespace RevenueAspire.Torture.Soak;

/// <summary>The tables at the end of a soak.</summary>
internal static class SoakTable
{
    public static void Write(SoakSettings settings, IReadOnlyDictionary<Gauge, Series> all, IEnumerable<(string Name, string Value)> results, Violations violations)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 120;
        }

        var gauges = new Table().Border(TableBorder.Simple).AddColumn("Median of");
        foreach (var column in (string[])["the first quarter", "the last quarter", "allowed", "peak"])
        {
            gauges.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var (gauge, series) in all)
        {
            gauges.AddRow(
                Markup.Escape(gauge.Unit.Length == 0 ? gauge.Name : $"{gauge.Name}, {gauge.Unit}"),
                Number(series.FirstQuarter),
                Number(series.LastQuarter),
                gauge.Bound is { } bound && settings.JudgesGrowth ? Number(bound(series.FirstQuarter)) : "",
                Number(series.Peak));
        }

        console.Write(gauges);
        var table = new Table().Border(TableBorder.Simple).AddColumn("Result").AddColumn(new TableColumn("").RightAligned());
        foreach (var (name, value) in results)
        {
            table.AddRow(Markup.Escape(name), Markup.Escape(value));
        }

        foreach (var kind in Enum.GetValues<ViolationKind>())
        {
            table.AddRow(Name(kind), violations.Count(kind).ToString("N0", CultureInfo.InvariantCulture));
        }

        console.Write(table);
        if (!settings.JudgesGrowth)
        {
            Console.WriteLine(FormattableString.Invariant($"Growth is judged from {SoakSettings.JudgedFrom.TotalMinutes:0} minutes on."));
        }
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.##" : "N0", CultureInfo.InvariantCulture);

    private static string Name(ViolationKind kind) => kind switch
    {
        ViolationKind.Lost => "Lost",
        ViolationKind.Repeated => "Repeated",
        ViolationKind.WrongBalance => "Wrong balances",
        ViolationKind.Deadlock => "Deadlocks",
        _ => "Other violations",
    };
}

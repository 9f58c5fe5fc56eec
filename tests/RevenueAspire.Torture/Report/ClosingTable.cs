using System.Globalization;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;
using Spectre.Console;

namespace RevenueAspire.Torture.Report;

/// <summary>The table at the end of a run.</summary>
internal static class ClosingTable
{
    public static void Write(TortureSettings settings, Sent sent, int records, int files, FaultLog faults, Violations violations, int deadlocks)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 120;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumn("Result").AddColumn(new TableColumn("").RightAligned());
        Add("Seed", settings.Seed.ToString(CultureInfo.InvariantCulture));
        Add("Events acknowledged", Number(sent.All.Where(request => request.State == RequestState.Acknowledged).Sum(request => request.Events.Count)));
        Add("Records in the log", Number(records));
        Add("Files counted", Number(files));
        Add("Lost", Number(violations.Count(ViolationKind.Lost)));
        Add("Repeated", Number(violations.Count(ViolationKind.Repeated)));
        Add("Wrong balances", Number(violations.Count(ViolationKind.WrongBalance)));
        Add("Deadlocks", Number(deadlocks));
        Add("Other violations", Number(violations.Count(ViolationKind.Other)));
        foreach (var (kind, count, median, longest) in faults.Summarize())
        {
            Add($"Faults: {kind}", median is null ? Number(count) : string.Create(CultureInfo.InvariantCulture, $"{count}, recovered in {median.Value.TotalSeconds:0.0} s (median), {longest!.Value.TotalSeconds:0.0} s (max)"));
        }

        console.Write(table);

        void Add(string name, string value) => table.AddRow(Markup.Escape(name), Markup.Escape(value));
    }

    private static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);
}

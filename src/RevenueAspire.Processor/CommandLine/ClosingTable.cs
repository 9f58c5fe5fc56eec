using System.Globalization;
using RevenueAspire.Processor.Processing;
using Spectre.Console;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The table at the end of <c>process</c>, on standard output.</summary>
internal static class ClosingTable
{
    private const double Megabyte = 1_000_000;

    /// <summary>Writes a row a path.</summary>
    public static void Write(IReadOnlyList<ProcessOutcome> outcomes)
    {
        if (outcomes.Count == 0)
        {
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            // Nobody looks at the width of a pipe; a wrapped line would only be harder to read for a script.
            console.Profile.Width = 1000;
        }

        var table = new Table().Border(TableBorder.Simple);
        table.AddColumn(new TableColumn("File").NoWrap());
        table.AddColumn("Result");
        foreach (var number in (string[])["Events", "Users", "Rejected", "MB", "MB/s", "Time"])
        {
            table.AddColumn(new TableColumn(number).RightAligned().NoWrap());
        }

        foreach (var outcome in outcomes)
        {
            var seconds = Math.Max(outcome.Elapsed.TotalSeconds, 0.001);
            table.AddRow(
                // A terminal is narrow: the person there knows the folder.
                Markup.Escape(Console.IsOutputRedirected ? outcome.Name : Path.GetFileName(Path.TrimEndingDirectorySeparator(outcome.Name))),
                Markup.Escape(outcome.Result),
                Count(outcome.Events),
                (outcome.UsersAreExact ? "" : "at most ") + Count(outcome.Users),
                Count(outcome.Rejected),
                Decimal(outcome.Bytes / Megabyte),
                Decimal(outcome.Bytes / Megabyte / seconds),
                string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s"));
        }

        console.Write(table);
    }

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Decimal(double value) => value.ToString("N1", CultureInfo.InvariantCulture);
}

using System.Numerics;
using System.Text;
using System.Text.Json;
using RevenueAspire.CommandLine;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>What <c>--json</c> prints: one object on standard output. The fields stand in the project's README; new ones may come, none goes.</summary>
internal static class JsonResults
{
    /// <summary>Runs a command whose <c>--json</c> prints an object also when an exception ends it.</summary>
    /// <param name="json">Whether it prints one at all.</param>
    /// <param name="write">Writes the result of a command that was not done, with the lines that say why.</param>
    /// <param name="command">The command.</param>
    public static async Task<int> RunAsync(bool json, Action<IReadOnlyList<string>> write, Func<Task<int>> command)
    {
        try
        {
            return await command().ConfigureAwait(false);
        }
        catch (Exception exception) when (json)
        {
            var line = StartupErrors.DescribeOrReport(exception, ProcessorCommandLine.Describe);
            await Console.Error.WriteLineAsync(line).ConfigureAwait(false);
            write([line]);
            return ExitCodes.NotDone;
        }
    }

    /// <summary>Writes the result of a <c>process</c> that ended before its first file.</summary>
    public static void WriteNotBegun(IReadOnlyList<string> errors) => WriteProcess(ExitCodes.NotDone, [], errors);

    /// <summary>Writes the result of <c>process</c>.</summary>
    public static void WriteProcess(int exitCode, IReadOnlyList<ProcessOutcome> outcomes, IReadOnlyList<string> errors) => Write(json =>
    {
        json.WriteNumber("exitCode", exitCode);
        json.WriteStartArray("files");
        foreach (var outcome in outcomes)
        {
            json.WriteStartObject();
            json.WriteString("file", outcome.Name);
            json.WriteString("result", outcome.Result);
            json.WriteNumber("events", outcome.Events);
            json.WriteNumber("users", outcome.Users);
            json.WriteBoolean("usersAreExact", outcome.UsersAreExact);
            json.WriteNumber("rejected", outcome.Rejected);
            json.WriteBoolean("unfinishedLine", outcome.HasUnfinishedLine);
            json.WriteNumber("bytes", outcome.Bytes);
            json.WriteNumber("seconds", Math.Round(outcome.Elapsed.TotalSeconds, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteStrings(json, "errors", errors);
    });

    /// <summary>Writes the result of <c>verify</c>.</summary>
    /// <param name="exitCode">The program's.</param>
    /// <param name="result">What was found.</param>
    /// <param name="differences">Those that are listed; <see cref="VerifyResult.Differences"/> counts all.</param>
    public static void WriteVerify(int exitCode, VerifyResult result, IReadOnlyList<LedgerDifference> differences) => Write(json =>
    {
        json.WriteNumber("exitCode", exitCode);
        json.WriteNumber("users", result.Users);
        json.WriteNumber("sources", result.Sources);
        json.WriteNumber("differing", result.Differences);
        json.WriteStartArray("differences");
        foreach (var difference in differences)
        {
            json.WriteStartObject();
            json.WriteString("userId", Encoding.UTF8.GetString(difference.UserId));
            WriteBalance(json, "table", difference.Table);
            WriteBalance(json, "events", difference.Events);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("totals");
        foreach (var total in result.Totals)
        {
            json.WriteStartObject();
            json.WriteString("source", total.Source);
            json.WriteNumber("generation", total.Generation);
            json.WriteNumber("from", total.From);
            json.WriteNumber("through", total.Through);
            json.WriteString("total", total.Counter);
            WriteBalance(json, "table", total.Table);
            WriteBalance(json, "events", total.Events);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteStrings(json, "errors", result.Unread);
        json.WriteStartArray("results");
        foreach (var report in result.Reports)
        {
            json.WriteStartObject();
            json.WriteString("source", report.Name);
            json.WriteNumber("generations", report.Generations);
            json.WriteNumber("bytes", report.Bytes);
            json.WriteString("result", Name(report.State));
            WriteStrings(json, "reasons", report.Reasons);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteUnchecked(json, result.Unchecked);
    });

    /// <summary>Writes the result of a <c>verify</c> that an exception ended.</summary>
    public static void WriteNotVerified(IReadOnlyList<string> errors) => Write(json =>
    {
        json.WriteNumber("exitCode", ExitCodes.NotDone);
        WriteStrings(json, "errors", errors);
    });

    /// <summary>The result of a source, as text and JSON name it.</summary>
    public static string Name(SourceState state) => state switch { SourceState.Equal => "equal", SourceState.Differs => "differs", _ => "not checked" };

    private static void WriteUnchecked(Utf8JsonWriter json, UncheckedUsers? users)
    {
        if (users is null)
        {
            json.WriteNull("unchecked");
            return;
        }

        json.WriteStartObject("unchecked");
        json.WriteNumber("users", users.Users);
        WriteBalance(json, "revenue", users.Revenue);
        json.WriteNumber("unreadEvents", users.UnreadEvents);
        WriteBalance(json, "unreadRevenue", users.UnreadRevenue);
        json.WriteBoolean("contradicts", users.Contradicts);
        WriteStrings(json, "first", users.First.Select(user => Encoding.UTF8.GetString(user.UserId)));
        json.WriteEndObject();
    }

    private static void Write(Action<Utf8JsonWriter> fields)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }

        Console.Out.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    /// <summary>A number of any size, as the API writes it; null for no row, or no event.</summary>
    private static void WriteBalance(Utf8JsonWriter json, string name, BigInteger? balance)
    {
        json.WritePropertyName(name);
        if (balance is { } value)
        {
            json.WriteRawValue(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        else
        {
            json.WriteNullValue();
        }
    }
}

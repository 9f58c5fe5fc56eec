using System.Numerics;
using System.Text;
using System.Text.Json;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>What <c>--json</c> prints: one object on standard output. The fields stand in the project's README; new ones may come, none goes.</summary>
internal static class JsonResults
{
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
        WriteStrings(json, "errors", [.. result.Removed, .. result.Unreadable]);
    });

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

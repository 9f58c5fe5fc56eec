using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using RevenueAspire.CommandLine;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The output of <c>--json</c>: one object on standard output. The project's README lists the fields. Fields may be added, but never
/// removed.</summary>
internal static class JsonResults
{
    private static readonly JsonResultsContext Json = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new BalanceConverter() },
    });

    /// <summary>Runs a command. With <c>--json</c>, prints an object even if an exception ends the command.</summary>
    /// <param name="json">Whether <c>--json</c> was given.</param>
    /// <param name="write">Writes the result of a failed command, with the reasons as lines.</param>
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

    /// <summary>Writes the result of a <c>process</c> command that ended before its first file.</summary>
    public static void WriteNotBegun(IReadOnlyList<string> errors) => WriteProcess(ExitCodes.NotDone, [], errors);

    /// <summary>Writes the result of <c>process</c>.</summary>
    public static void WriteProcess(int exitCode, IReadOnlyList<ProcessOutcome> outcomes, IReadOnlyList<string> errors) => Write(
        new ProcessJson(
            exitCode,
            outcomes.Select(outcome => new FileJson(
                outcome.Name, outcome.Result, outcome.Events, outcome.Users, outcome.UsersAreExact, outcome.Rejected, outcome.HasUnfinishedLine, outcome.Bytes,
                Math.Round(outcome.Elapsed.TotalSeconds, 3))),
            errors),
        Json.ProcessJson);

    /// <summary>Writes the result of <c>verify</c>.</summary>
    /// <param name="exitCode">The program's exit code.</param>
    /// <param name="result">The result.</param>
    /// <param name="differences">The differences to list; <see cref="VerifyResult.Differences"/> counts all.</param>
    public static void WriteVerify(int exitCode, VerifyResult result, IReadOnlyList<LedgerDifference> differences) => Write(
        new VerifyJson(
            exitCode,
            result.Users,
            result.Sources,
            result.Differences,
            differences.Select(difference => new DifferenceJson(Encoding.UTF8.GetString(difference.UserId), difference.Table, difference.Events)),
            result.Totals.Select(total => new TotalJson(total.Source, total.Generation, total.From, total.Through, total.Counter, total.Table, total.Events)),
            result.Unread,
            result.Reports.Select(report => new SourceJson(report.Name, report.Generations, report.Bytes, Name(report.State), report.Reasons)),
            result.Unchecked is { } users
                ? new UncheckedJson(
                    users.Users, users.Revenue, users.UnreadEvents, users.UnreadRevenue, users.Contradicts,
                    users.First.Select(user => Encoding.UTF8.GetString(user.UserId)))
                : null,
            result.History is { } history ? new HistoryJson(history.Rows, history.Differences, history.Findings) : null),
        Json.VerifyJson);

    /// <summary>Writes the result of a <c>verify</c> command that ended with an exception.</summary>
    public static void WriteNotVerified(IReadOnlyList<string> errors) => Write(new ErrorJson(ExitCodes.NotDone, errors), Json.ErrorJson);

    /// <summary>The name of a source's result in text and JSON.</summary>
    public static string Name(SourceState state) => state switch { SourceState.Equal => "equal", SourceState.Differs => "differs", _ => "not checked" };

    private static void Write<T>(T result, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(result, type));
}

internal sealed record ProcessJson(int ExitCode, IEnumerable<FileJson> Files, IEnumerable<string> Errors);

internal sealed record FileJson(
    string File, string Result, long Events, long Users, bool UsersAreExact, long Rejected, bool UnfinishedLine, long Bytes, double Seconds);

internal sealed record VerifyJson(
    int ExitCode, long Users, int Sources, long Differing, IEnumerable<DifferenceJson> Differences, IEnumerable<TotalJson> Totals, IEnumerable<string> Errors,
    IEnumerable<SourceJson> Results, UncheckedJson? Unchecked, HistoryJson? History);

internal sealed record HistoryJson(long Rows, long Differing, IEnumerable<string> Differences);

internal sealed record DifferenceJson(string UserId, BigInteger? Table, BigInteger? Events);

internal sealed record TotalJson(string Source, int Generation, long From, long Through, string Total, BigInteger Table, BigInteger Events);

internal sealed record SourceJson(string Source, int Generations, long Bytes, string Result, IEnumerable<string> Reasons);

internal sealed record UncheckedJson(
    long Users, BigInteger Revenue, long UnreadEvents, BigInteger UnreadRevenue, bool Contradicts, IEnumerable<string> First);

internal sealed record ErrorJson(int ExitCode, IEnumerable<string> Errors);

[JsonSerializable(typeof(ProcessJson))]
[JsonSerializable(typeof(VerifyJson))]
[JsonSerializable(typeof(ErrorJson))]
internal sealed partial class JsonResultsContext : JsonSerializerContext;

/// <summary>Writes a number of any size, as the API does.</summary>
internal sealed class BalanceConverter : JsonConverter<BigInteger>
{
    public override BigInteger Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, BigInteger value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.ToString(CultureInfo.InvariantCulture));
}

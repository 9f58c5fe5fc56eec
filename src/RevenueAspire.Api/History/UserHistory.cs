using System.Buffers;
using System.Globalization;
using System.Text;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Reads;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary><c>GET /userEvents/{userid}/history</c> and <c>GET /userHistory?userId=</c>: the events that make up a user's balance.</summary>
internal sealed class UserHistory(LedgerReader ledger)
{
    private static readonly SearchValues<char> Special = SearchValues.Create(",\"\r\n");

    public async Task HandleAsync(HttpContext context)
    {
        DateTime? from = null, to = null;
        HistoryCursor? after = null;
        int? limit = null;
        var problem = UserIdParameter.Check(context, out var userId) ?? HistoryParameters.ReadTimes(context, out from, out to)
            ?? HistoryParameters.ReadAfter(context, out after) ?? HistoryParameters.ReadLimit(context, out limit);
        if (problem is not null)
        {
            await ProblemResponse.WriteAsync(context, problem);
            return;
        }

        var isCsv = ContentTypes.PrefersCsv(context.Request.Headers.Accept);
        var request = new HistoryRequest(
            userId, from, to, after, limit ?? (isCsv ? HistoryParameters.MaxLimit : HistoryParameters.DefaultLimit));
        var result = await ReadAsync(request, context.RequestAborted);
        context.Response.Headers.Vary = "Accept";
        if (result.Value is not { } page)
        {
            await ProblemResponse.WriteAsync(context, HistoryText.ProblemOf(result.Refusal, result.RetainedFrom));
        }
        else if (isCsv)
        {
            await WriteCsvAsync(context, request, page, isWhole: limit is null);
        }
        else
        {
            await context.Response.WriteAsJsonAsync(
                new UserHistoryAnswer(
                    userId, page.Revenue, [.. page.Items.Select(ToAnswer)], page.Opening.ToString(CultureInfo.InvariantCulture),
                    HistoryText.Of(page.RetainedFrom), page.Next?.ToString()),
                ApiJson.Of<UserHistoryAnswer>(), ContentTypes.Json);
        }
    }

    /// <summary>Writes page by page, so no database transaction stays open while a slow client reads.</summary>
    private async Task WriteCsvAsync(HttpContext context, HistoryRequest request, HistoryPage page, bool isWhole)
    {
        context.Response.ContentType = $"{ContentTypes.Csv}; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"history.csv\"";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        var csv = new StringBuilder("time,name,value,balance,receipt\r\n");
        while (true)
        {
            foreach (var item in page.Items.Select(ToAnswer))
            {
                csv.Append(CultureInfo.InvariantCulture, $"{item.Time},{ToCell(item.Name)},{item.Value},{item.Balance},{item.Receipt}\r\n");
            }

            await context.Response.WriteAsync(csv.ToString(), context.RequestAborted);
            if (!isWhole || page.Next is null)
            {
                return;
            }

            csv.Clear();
            var next = await ReadAsync(request with { After = page.Next }, context.RequestAborted);

            // Part of the list has been sent. This exception closes the connection, so the client notices that the rest is missing.
            page = next.Value ?? throw new LedgerUnavailableException($"the history changed while it was read ({next.Refusal})", null);
        }
    }

    private Task<HistoryResult<HistoryPage>> ReadAsync(HistoryRequest request, CancellationToken cancellationToken) =>
        ledger.ReadAsync((HistoryQueries queries, CancellationToken cancellation) => queries.ReadPageAsync(request, cancellation), cancellationToken);

    /// <summary>A cell of text (RFC 4180). If it begins like a formula, it gets an apostrophe, so that no spreadsheet evaluates it.</summary>
    private static string ToCell(string text)
    {
        var safe = text is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n', ..] ? "'" + text : text;
        return safe.AsSpan().ContainsAny(Special) ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }

    private static HistoryItemAnswer ToAnswer(HistoryItem item) => new(
        HistoryText.Of(item.Time), item.Name, item.Value, item.Balance.ToString(CultureInfo.InvariantCulture),
        item.SourceId is { } log ? new Receipt(log, item.Offset).ToString() : null);
}

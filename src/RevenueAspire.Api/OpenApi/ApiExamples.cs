using System.Globalization;
using System.Text.Json;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.OpenApi;

/// <summary>The example answers in the contract.</summary>
internal sealed record ApiExample(string Status, string Json, string ContentType = ContentTypes.Json)
{
    public static readonly ApiExample Receipt = new("202", """{"receipt":"0f8fad5bd9cb469fa16570867728950e:1042"}""");

    public static readonly ApiExample Batch = new(
        "202", """{"receipt":"0f8fad5bd9cb469fa16570867728950e:2084","accepted":2,"rejectedCount":1,"rejected":[{"line":3,"reason":"userId: is missing."}]}""");

    public static readonly ApiExample KeyState = new(
        "200", """{"id":"0f8fad5bd9cb469fa16570867728950e","durableMark":2084,"keysFrom":0,"keyWindow":1000000,"keysShared":false}""");

    public static readonly ApiExample Revenue = new("200", """{"userId":"user1","revenue":68}""");

    public static readonly ApiExample State = new("200", """{"state":"applied"}""");

    public static readonly ApiExample History = new(
        "200",
        """
        {"userId":"user1","revenue":68,"items":[
         {"time":"2026-01-01T00:00:02.125Z","name":"subtract_revenue","value":30,"balance":68,"receipt":"0f8fad5bd9cb469fa16570867728950e:1042"},
         {"time":null,"name":"add_revenue","value":98,"balance":98,"receipt":null}],"opening":0,"retainedFrom":null,"next":null}
        """);

    public static readonly ApiExample HistoryCsv = new(
        "200",
        "time,name,value,balance,receipt\r\n2026-01-01T00:00:02.125Z,subtract_revenue,30,68,0f8fad5bd9cb469fa16570867728950e:1042\r\n", ContentTypes.Csv);

    public static readonly ApiExample Steps = new("200", """{"step":"day","items":[{"from":"2026-01-01T00:00:00Z","revenue":68}]}""");

    public static readonly ApiExample Live = new(
        "200",
        """
        {"at":1767225600000,"state":"current","totalRevenue":"1528","events":97,"eventsPerSecond":12.5,"rejectedLines":1,"lagBytes":0,"processorsAtWork":1,
         "latestRejects":[{"source":"events.jsonl","line":12,"offset":804,"reason":"not a JSON object","beginning":"oops","at":1767225590000}],
         "topUsers":{"at":1767225598000,"users":[{"userId":"user1","revenue":"68"}]},"history":true}
        """,
        Api.Live.LiveStream.ContentType);

    /// <summary>An example problem per status code.</summary>
    public static readonly IReadOnlyDictionary<string, string> Problems = ((Problem[])
    [
        Problem.Of(400, "value: must be an integer without fraction or exponent.", "value"),
        Problem.Of(401, "Authorization: send this header once, with a configured secret as its value.", "Authorization"),
        Problem.Of(403, "Authorization: The token lacks the scope events.write.", "Authorization"),
        Problem.Of(404, "The ledger has no such user."),
        Problem.Of(408, "The body did not arrive within 00:01:00. Nothing was appended; send smaller batches."),
        Problem.Of(410, "from: the history begins at 2026-01-01T00:00:00Z; older events were removed (History:Retain).", "from"),
        Problem.Of(413, "The body is larger than 65536 bytes, the limit of a single event."),
        Problem.Of(415, "Content-Type: must be application/json.", "Content-Type"),
        Problem.Of(422, "Idempotency-Key: this key was used with a different body. Nothing was appended.", "Idempotency-Key"),
        Problem.Of(429, "This caller is over its limit of events per second. Nothing was appended; try again in 1 s."),
        Problem.Of(503, "The request cannot be served right now; try again."),
    ]).ToDictionary(problem => problem.Status.ToString(CultureInfo.InvariantCulture), problem => JsonSerializer.Serialize(problem, ApiJson.Of<Problem>()));
}

namespace RevenueAspire.Api.OpenApi;

/// <summary>An answer as it may look, for the contract.</summary>
internal sealed record ApiExample(string Status, string Json)
{
    public static readonly ApiExample Receipt = new("202", """{"receipt":"0f8fad5bd9cb469fa16570867728950e:1042"}""");

    public static readonly ApiExample Batch = new(
        "202", """{"receipt":"0f8fad5bd9cb469fa16570867728950e:2084","accepted":2,"rejectedCount":1,"rejected":[{"line":3,"reason":"userId: is missing."}]}""");

    public static readonly ApiExample Revenue = new("200", """{"userId":"user1","revenue":68}""");

    public static readonly ApiExample State = new("200", """{"state":"applied"}""");

    public static readonly ApiExample Live = new(
        "200",
        """
        {"at":1767225600000,"state":"current","totalRevenue":"1528","events":97,"eventsPerSecond":12.5,"rejectedLines":1,"lagBytes":0,"processorsAtWork":1,
         "latestRejects":[{"source":"events.jsonl","line":12,"offset":804,"reason":"not a JSON object","beginning":"oops","at":1767225590000}],
         "topUsers":{"at":1767225598000,"users":[{"userId":"user1","revenue":"68"}]}}
        """);

    /// <summary>A problem of each status code that an answer may have.</summary>
    public static readonly IReadOnlyDictionary<string, string> Problems = new Dictionary<string, string>
    {
        ["400"] = """{"status":400,"title":"Bad Request","detail":"value: must be an integer without fraction or exponent.","field":"value","type":"about:blank"}""",
        ["401"] = """{"status":401,"title":"Unauthorized","detail":"Authorization: the header must be present once and hold a configured secret.","field":"Authorization","type":"about:blank"}""",
        ["404"] = """{"status":404,"title":"Not Found","detail":"The ledger has no such user.","type":"about:blank"}""",
        ["408"] = """{"status":408,"title":"Request Timeout","detail":"The body took too long to arrive.","type":"about:blank"}""",
        ["413"] = """{"status":413,"title":"Payload Too Large","detail":"An event has at most 65536 bytes.","type":"about:blank"}""",
        ["415"] = """{"status":415,"title":"Unsupported Media Type","detail":"Content-Type: must be application/json.","field":"Content-Type","type":"about:blank"}""",
        ["422"] = """{"status":422,"title":"Unprocessable Entity","detail":"Idempotency-Key: was used with another body.","field":"Idempotency-Key","type":"about:blank"}""",
        ["503"] = """{"status":503,"title":"Service Unavailable","detail":"It cannot be answered now; try again.","type":"about:blank"}""",
    };
}

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Events as a client writes them.</summary>
internal static class Sample
{
    public const string Plain = """{"userId":"user1","name":"add_revenue","value":98}""";

    public static string Add(string userId, long value) => $$"""{"userId":"{{userId}}","name":"add_revenue","value":{{value}}}""";

    /// <summary>A valid event with exactly the given number of bytes.</summary>
    public static string OfLength(int bytes)
    {
        const string Frame = """{"userId":"user1","name":"add_revenue","value":1,"note":""}""";
        return Frame.Insert(Frame.Length - 2, new string('x', bytes - Frame.Length));
    }
}

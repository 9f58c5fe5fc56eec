using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Ingest;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>Names of callers in records, keys and metrics.</summary>
public sealed class CallerTests : IDisposable
{
    private static readonly string[] Named =
        ["Ingest:Secrets:shop-1=one", "Ingest:Secrets:Shop_2:0=two", "Ingest:Secrets:Shop_2:1=two new", "Ingest:Secrets:3=three", "Ingest:Secrets:04=four"];

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("one", "shop-1")]
    [InlineData("two", "shop_2")]
    [InlineData("two new", "shop_2")]
    [InlineData("three", null)]
    [InlineData("four", null)]
    [InlineData(ApiHost.Secret, null)]
    public async Task A_record_has_the_name_of_its_secret_and_no_client_can_forge_it(string secret, string? name)
    {
        await using var api = await ApiHost.StartAsync(_directory, null, Named);
        const string Forged = """{"userId":"user1","name":"add_revenue","value":1,"caller":"forged","note":"kept"}""";

        (await api.PostEventAsync(Forged, ("Authorization", secret))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventsAsync($"{Forged}\n{Forged}\n", ("Authorization", secret))).Expect(HttpStatusCode.Accepted);

        var records = api.Records();
        Assert.All(records, record => Assert.Equal("kept", record.GetProperty("note").GetString()));
        Assert.Equal([name, null, name], records.Select(CallerOf));
    }

    [Theory]
    [InlineData(LogEngine.File)]
    [InlineData(LogEngine.Postgres)]
    public async Task Keys_of_different_callers_do_not_collide_even_after_a_restart(LogEngine engine)
    {
        using var place = new LogPlace(engine);
        string[] secrets = [ApiHost.Secret, "one", "two"];
        async Task<Answer[]> PostAsync(ApiHost api) =>
        [
            .. await Task.WhenAll(secrets.Select((secret, i) =>
                api.PostEventAsync(Sample.Add("user1", i), ("Authorization", secret), ("Idempotency-Key", "k")))),
            .. await Task.WhenAll(secrets.Select((secret, i) =>
                api.PostEventsAsync($"{Sample.Add("user1", i)}\nx\n{Sample.Plain}", ("Authorization", secret), ("Idempotency-Key", "k2")))),
        ];

        Answer[] first;
        await using (var api = await place.StartAsync(Named))
        {
            first = await PostAsync(api);
            Assert.All(first, answer => answer.Expect(HttpStatusCode.Accepted));
            Assert.Equal(first.Length, first.Select(answer => answer.Receipt).Distinct().Count());
        }

        await using (var api = await place.StartAsync(Named))
        {
            Assert.Equal(first.Select(answer => answer.Body), (await PostAsync(api)).Select(answer => answer.Body));

            // A rotation replaces the secret. The name stays, and so do its keys.
            var rotated = await api.PostEventAsync(Sample.Add("user1", 2), ("Authorization", "two new"), ("Idempotency-Key", "k"));
            Assert.Equal(first[2].Body, rotated.Body);
            (await api.PostEventAsync(Sample.Add("user1", 0), ("Authorization", "two new"), ("Idempotency-Key", "k"))).ExpectProblem(422, "Idempotency-Key");
            Assert.Equal(9, api.Records().Count);
        }
    }

    [Fact]
    public async Task Keys_from_before_a_secret_had_a_name_are_unknown_afterwards()
    {
        async Task<string?> PostAsync(string setting)
        {
            await using var api = await ApiHost.StartAsync(_directory, null, setting);
            return (await api.PostEventAsync(Sample.Plain, ("Authorization", "one"), ("Idempotency-Key", "k"))).Expect(HttpStatusCode.Accepted).Receipt;
        }

        var unnamed = await PostAsync("Ingest:Secrets:0=one");
        Assert.Equal(unnamed, await PostAsync("Ingest:Secrets:0=one"));
        Assert.NotEqual(unnamed, await PostAsync("Ingest:Secrets:shop-1=one"));
        Assert.Equal(unnamed, await PostAsync("Ingest:Secrets:0=one"));
    }

    [Theory]
    [InlineData("one", "shop-1")]
    [InlineData("three", null)]
    public async Task The_principal_of_a_named_secret_has_its_name(string secret, string? name)
    {
        await using var api = await ApiHost.StartAsync(_directory, null, Named);
        await using var scope = api.Services.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        context.Request.Headers.Authorization = secret;

        var result = await context.AuthenticateAsync(SecretHandler.SchemeName);

        Assert.True(result.Succeeded);
        Assert.Equal(name, result.Principal.FindFirst(Scopes.CallerType)?.Value);
    }

    [Fact]
    public async Task Events_and_bytes_are_counted_by_caller()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, Named);

        await api.PostEventAsync(Sample.Plain, ("Authorization", "one"), ("Idempotency-Key", "k"));
        await api.PostEventAsync(Sample.Plain, ("Authorization", "one"), ("Idempotency-Key", "k"));
        await api.PostEventsAsync($"{Sample.Plain}\nx", ("Authorization", "two"));
        await api.PostEventAsync("{}", ("Authorization", "two new"));
        await api.PostEventAsync(Sample.Plain, ("Authorization", "three"), ("Idempotency-Key", "a b"));

        Assert.Equal(
            [
                "revenue.ingest.bytes = 0", $"revenue.ingest.bytes caller=shop-1 = {2 * Sample.Plain.Length}",
                $"revenue.ingest.bytes caller=shop_2 = {Sample.Plain.Length + 4}",
                "revenue.ingest.events outcome=accepted caller=shop-1 = 1", "revenue.ingest.events outcome=accepted caller=shop_2 = 1",
                "revenue.ingest.events outcome=refused = 1", "revenue.ingest.events outcome=rejected caller=shop_2 = 2",
                "revenue.ingest.events outcome=repeated caller=shop-1 = 1",
            ],
            Measure(api).Where(line => line.EndsWith("bytes = 0", StringComparison.Ordinal) || !line.EndsWith(" = 0", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    /// <summary>A metrics collector stores every value of a tag, so their number must be limited.</summary>
    [Fact]
    public async Task The_number_of_tag_values_of_token_callers_is_limited()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, Named);
        var callers = api.Services.GetRequiredService<Callers>();
        Caller Of(string name) => callers.Of(new ClaimsPrincipal(new ClaimsIdentity([new Claim(Scopes.CallerType, name)])))!;

        Assert.Null(callers.Of(new ClaimsPrincipal()));
        Parallel.For(0, 4000, i => Of($"client {i % 1000}").Metrics.AcceptedSingly.Add(1));
        Of("other").Metrics.AcceptedSingly.Add(1);
        Of(new string('n', 5000)).Metrics.AcceptedSingly.Add(1);
        Of("shop-1").Metrics.AcceptedSingly.Add(1);

        Assert.Same(Of("client 999"), Of("client 999"));
        Assert.Equal("shop-1", Of("shop-1").Name!.Text);
        Assert.StartsWith("sha256-", Of(new string('n', 5000)).Name!.Text, StringComparison.Ordinal);
        var accepted = Measure(api).Where(line => line.StartsWith("revenue.ingest.events outcome=accepted caller=", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2 + Callers.MaxCounted + 1, accepted.Length);
        Assert.Contains($"revenue.ingest.events outcome=accepted caller=other = {(4 * (1000 - Callers.MaxCounted)) + 2}", accepted);
        Assert.Contains("revenue.ingest.events outcome=accepted caller=shop-1 = 1", accepted);
    }

    private static string? CallerOf(JsonElement record) => record.TryGetProperty("caller", out var caller) ? caller.GetString() : null;

    private static List<string> Measure(ApiHost api)
    {
        var measured = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            // Ignore the APIs of other tests, which run in the same process.
            if (instrument.Meter.Name == IngestMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, api.Services.GetService(typeof(IMeterFactory))))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            measured.Add(instrument.Name + string.Concat(tags.ToArray().Select(tag => $" {tag.Key}={tag.Value}")) + " = " + value));
        listener.Start();
        listener.RecordObservableInstruments();
        return measured;
    }
}

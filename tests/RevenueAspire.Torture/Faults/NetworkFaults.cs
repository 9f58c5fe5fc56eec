using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Faults;

/// <summary>Disturbs connections between clients and the API, and between the services and the database.</summary>
internal static class NetworkFaults
{
    private static readonly TimeSpan CutWait = TimeSpan.FromSeconds(3);

    public static IEnumerable<Fault> All => [.. On("client to api", context => context.Stage.ApiProxies[context.Stage.Apis.Count == 1 ? 0
        : context.Random.Next(context.Stage.ApiProxies.Count)]), .. On("services to Postgres", context => context.Stage.DatabaseProxy)];

    private static IEnumerable<Fault> On(string way, Func<FaultContext, FaultProxy> choose) =>
    [
        new(FaultKinds.Network, $"cut all, {way}", context =>
        {
            choose(context).CutAll();
            return Task.FromResult("");
        }),
        new(FaultKinds.Network, $"refuse, {way}", async context =>
        {
            var proxy = choose(context);
            proxy.Refuse();
            var pause = await context.PauseAsync(0.2, 4);
            proxy.Heal();
            return $"for {pause}";
        }),
        new(FaultKinds.Network, $"delay, {way}", async context =>
        {
            var proxy = choose(context);
            var delay = context.Between(0.01, 0.3);
            proxy.Delay(delay);
            var pause = await context.PauseAsync(0.5, 4);
            proxy.Heal();
            return FormattableString.Invariant($"{delay.TotalMilliseconds:0} ms for {pause}");
        }),
        .. Enum.GetValues<Cut>().Select(cut => new Fault(FaultKinds.Network, $"{Describe(cut)}, {way}", async context =>
        {
            var proxy = choose(context);
            var before = proxy.CutsDone;
            proxy.CutNext(cut, context.Random.Next(1, 30));
            await Task.Delay(context.Between(0.2, CutWait.TotalSeconds));
            proxy.Heal();
            return $"{proxy.CutsDone - before} connections";
        })),
    ];

    private static string Describe(Cut cut) => cut switch
    {
        Cut.BeforeRequest => "cut before the request was passed on",
        Cut.AfterAnswer => "lose the answer",
        Cut.AfterRequest => "cut after the request was passed on",
        _ => "cut in the middle of the request",
    };
}

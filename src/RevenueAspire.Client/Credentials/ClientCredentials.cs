using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Credentials;

/// <summary>A token from a token server. All callers share one fetch. The token is renewed in the background before it expires, and once after a 401.</summary>
/// <param name="authority">The token server's name in messages.</param>
/// <param name="fetch">Fetches a token; never called concurrently.</param>
/// <param name="time">The clock.</param>
internal sealed class ClientCredentials(string authority, Func<Task<TokenAnswer>> fetch, TimeProvider time) : Credential
{
    /// <summary>After a failed fetch, all callers get the same failure for this long, so that many workers do not flood the token server.</summary>
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    /// <summary>Renewal begins this long before expiry, or after 4/5 of a shorter lifetime.</summary>
    private static readonly TimeSpan MaxMargin = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private Issued? _token;
    private Task<TokenAnswer>? _fetching;
    private long _endedAt;

    public override string Name => $"token of {authority}";

    public override bool IsToken => true;

    public override ValueTask<string> GetAsync(CancellationToken cancellationToken)
    {
        var token = Volatile.Read(ref _token);
        if (token is null || time.GetElapsedTime(token.AsOf) >= token.Lifetime)
        {
            return WaitAsync(token, cancellationToken);
        }

        if (time.GetElapsedTime(token.AsOf) >= token.Lifetime - token.Margin)
        {
            Fetch(token);
        }

        return new(token.Header);
    }

    public override async ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken)
    {
        // Another caller may have renewed the token in the meantime.
        var token = Volatile.Read(ref _token);
        var header = token is not null && token.Header != refused ? token.Header : await WaitAsync(token, cancellationToken);
        return header == refused ? null : header;
    }

    private async ValueTask<string> WaitAsync(Issued? former, CancellationToken cancellationToken)
    {
        var answer = await Fetch(former).WaitAsync(cancellationToken);
        return answer.Token is { } token ? Bearer(token) : throw new CredentialException(answer.Failure!);
    }

    /// <summary>Joins the fetch in progress, or starts one unless <paramref name="former"/> has already been replaced.</summary>
    private Task<TokenAnswer> Fetch(Issued? former)
    {
        lock (_gate)
        {
            var isPausing = _fetching is { IsCompleted: true, Result.Failure: not null } && time.GetElapsedTime(_endedAt) < PauseAfterFailure;
            if (_fetching is null || (_fetching.IsCompleted && !isPausing && ReferenceEquals(_token, former)))
            {
                _fetching = Task.Run(FetchAsync);
            }

            return _fetching;
        }
    }

    private async Task<TokenAnswer> FetchAsync()
    {
        var asOf = time.GetTimestamp();
        var answer = await fetch();
        lock (_gate)
        {
            _endedAt = time.GetTimestamp();
            if (answer.Token is { } token)
            {
                Volatile.Write(ref _token, new Issued(Bearer(token), asOf, answer.Lifetime ?? TimeSpan.MaxValue));
            }
        }

        return answer;
    }

    private sealed record Issued(string Header, long AsOf, TimeSpan Lifetime)
    {
        public TimeSpan Margin { get; } = Lifetime / 5 < MaxMargin ? Lifetime / 5 : MaxMargin;
    }
}

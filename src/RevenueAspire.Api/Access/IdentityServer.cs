using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace RevenueAspire.Api.Access;

/// <summary>The identity server's issuer and signing keys (OpenID Connect discovery). Reads them in the background, and keeps them while the server is
/// unavailable. Thread-safe.</summary>
/// <remarks>The library's own manager answers 401 to the first token of a new key, and does not report whether the server is available. Here a token with an
/// unknown key waits until the keys have been read again.</remarks>
internal sealed partial class IdentityServer(ValidTokens tokens, TimeProvider time, ILogger<IdentityServer> logger)
    : BackgroundService, IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>Interval between reads. A key that the server withdraws is accepted for at most this long, unless the server is unavailable.</summary>
    public static readonly TimeSpan DefaultInterval = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(5);

    /// <summary>Minimum interval between reads that unknown keys trigger, so forged tokens cannot flood the identity server.</summary>
    private static readonly TimeSpan MinDemandInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private TimeSpan _interval = DefaultInterval;
    private HttpDocumentRetriever? _retriever;
    private string _address = "";
    private Task _reading = Task.CompletedTask;
    private long? _demandedAt;
    private volatile OpenIdConnectConfiguration? _configuration;

    /// <summary>Time of the last successful read; null before the first.</summary>
    public DateTimeOffset? ReadAt { get; private set; }

    /// <summary>The error of the last read, in one line; null if it succeeded.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether keys are known: true after the first successful read.</summary>
    public bool HasKeys => _configuration is not null;

    public void Use(JwtBearerOptions options)
    {
        (_address, _interval) = (options.MetadataAddress, options.RefreshInterval);
        _retriever = new HttpDocumentRetriever(options.Backchannel) { RequireHttps = options.RequireHttpsMetadata };
    }

    /// <summary>If a token's key is unknown, waits until the keys have been read again.</summary>
    /// <param name="keyId">The token's <c>kid</c>; null if it has none.</param>
    /// <returns>False while no keys are known.</returns>
    public async Task<bool> PrepareAsync(string? keyId)
    {
        if (_configuration is not { } known || (keyId is not null && known.SigningKeys.All(key => key.KeyId != keyId)))
        {
            await ReadAsync(isDemanded: true);
        }

        return HasKeys;
    }

    public Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel) =>
        Task.FromResult(_configuration ?? throw new InvalidOperationException("Call PrepareAsync first."));

    /// <summary>Does nothing: <see cref="PrepareAsync"/> has already read the keys.</summary>
    public void RequestRefresh()
    {
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await ReadAsync();
            await Task.Delay(Failure is null ? _interval : RetryInterval, time, stoppingToken);
        }
    }

    /// <summary>Begins a read, or joins the current one.</summary>
    private Task ReadAsync(bool isDemanded = false)
    {
        lock (_gate)
        {
            if (_reading.IsCompleted && (!isDemanded || _demandedAt is not { } last || time.GetElapsedTime(last) >= MinDemandInterval))
            {
                _demandedAt = isDemanded ? time.GetTimestamp() : _demandedAt;
                _reading = ReadOnceAsync();
            }

            return _reading;
        }
    }

    private async Task ReadOnceAsync()
    {
        using var limit = new CancellationTokenSource(ReadTimeout, time);
        try
        {
            var configuration = await OpenIdConnectConfigurationRetriever.GetAsync(_address, _retriever!, limit.Token);
            if (configuration.SigningKeys.Count == 0)
            {
                Fail("it publishes no signing keys");
                return;
            }

            // Replace the keys before the cache. Then the new cache contains only tokens that were validated with these or newer keys.
            var isChanged = _configuration is { } known && Describe(known) != Describe(configuration);
            _configuration = configuration;
            if (isChanged)
            {
                tokens.Drop();
                LogKeysChanged(_address);
            }

            ReadAt = time.GetUtcNow();
            if (Failure is not null)
            {
                Failure = null;
                LogBack(_address);
            }
        }
        catch (OperationCanceledException)
        {
            Fail($"no response within {ReadTimeout.TotalSeconds:0} s");
        }
        catch (Exception exception)
        {
            // After any error in the connection or in the server's documents, the known keys stay in force.
            Fail(exception.GetBaseException().Message.ReplaceLineEndings(" "));
        }
    }

    private void Fail(string reason)
    {
        if (Failure is null)
        {
            LogAway(_address, reason, HasKeys ? "known keys stay in force" : "requests with a token get 503");
        }

        Failure = reason;
    }

    private static string Describe(OpenIdConnectConfiguration configuration) => string.Join('\n', configuration.SigningKeys
        .Select(key => key.KeyId + " " + (key.CanComputeJwkThumbprint() ? Convert.ToHexString(key.ComputeJwkThumbprint()) : ""))
        .Order(StringComparer.Ordinal).Prepend(configuration.Issuer));

    [LoggerMessage(EventIds.IdentityServerAway, LogLevel.Warning, "The identity server's keys cannot be read from {Address}; {Consequence}: {Reason}")]
    private partial void LogAway(string address, string reason, string consequence);

    [LoggerMessage(EventIds.IdentityServerBack, LogLevel.Information, "The identity server's keys can be read again from {Address}.")]
    private partial void LogBack(string address);

    [LoggerMessage(EventIds.SigningKeysChanged, LogLevel.Information, "The identity server at {Address} has changed its signing keys.")]
    private partial void LogKeysChanged(string address);
}

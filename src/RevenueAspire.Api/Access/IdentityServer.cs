using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace RevenueAspire.Api.Access;

/// <summary>The identity server's published issuer and signing keys (OpenID Connect discovery): read in the background, and kept while the server is
/// unavailable. Thread-safe.</summary>
/// <remarks>The library's own manager answers 401 to the first token of a new key, and does not say whether the server answers. Here a token of an unknown
/// key waits until the keys have been read again.</remarks>
/// <param name="tokens">Dropped when the keys change.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Logs when the server becomes unavailable and when it answers again.</param>
internal sealed partial class IdentityServer(ValidTokens tokens, TimeProvider time, ILogger<IdentityServer> logger)
    : BackgroundService, IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>A key that the server has withdrawn is accepted for no longer than this, while the server answers.</summary>
    public static readonly TimeSpan DefaultInterval = TimeSpan.FromMinutes(5);

    /// <summary>Time for one reading.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>Pause after a failure.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(5);

    /// <summary>Made-up tokens with unknown keys read the server's keys no more often than this.</summary>
    private static readonly TimeSpan MinDemandInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private TimeSpan _interval = DefaultInterval;
    private HttpDocumentRetriever? _retriever;
    private string _address = "";
    private Task _reading = Task.CompletedTask;
    private long? _demandedAt;
    private volatile OpenIdConnectConfiguration? _configuration;

    /// <summary>When the keys were last read; null before.</summary>
    public DateTimeOffset? ReadAt { get; private set; }

    /// <summary>Why the last reading failed, one line; null when it succeeded.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether keys are known: from the first successful reading on.</summary>
    public bool HasKeys => _configuration is not null;

    /// <summary>Takes address and client from the options.</summary>
    public void Use(JwtBearerOptions options)
    {
        (_address, _interval) = (options.MetadataAddress, options.RefreshInterval);
        _retriever = new HttpDocumentRetriever(options.Backchannel) { RequireHttps = options.RequireHttpsMetadata };
    }

    /// <summary>Waits for the keys that a token needs, where they are not known.</summary>
    /// <param name="keyId">The token's <c>kid</c>; null when it names none.</param>
    /// <returns>False while no keys are known at all.</returns>
    public async Task<bool> PrepareAsync(string? keyId)
    {
        if (_configuration is not { } known)
        {
            // The background loop reads them every few seconds.
            await _reading;
        }
        else if (keyId is not null && known.SigningKeys.All(key => key.KeyId != keyId))
        {
            await ReadOnDemandAsync();
        }

        return HasKeys;
    }

    /// <inheritdoc/>
    public Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel) =>
        Task.FromResult(_configuration ?? throw new InvalidOperationException("Call PrepareAsync first."));

    /// <summary>Nothing: <see cref="PrepareAsync"/> has read the keys already.</summary>
    public void RequestRefresh()
    {
    }

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        // The first request finds this reading under way, and the start does not wait for it.
        _ = ReadAsync();
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The first reading began with the start.
        await _reading;
        while (true)
        {
            await Task.Delay(Failure is null ? _interval : RetryInterval, time, stoppingToken);
            await ReadAsync();
        }
    }

    private Task ReadOnDemandAsync()
    {
        lock (_gate)
        {
            if (_reading.IsCompleted && (_demandedAt is not { } last || time.GetElapsedTime(last) >= MinDemandInterval))
            {
                _demandedAt = time.GetTimestamp();
                _reading = ReadOnceAsync();
            }

            return _reading;
        }
    }

    private Task ReadAsync()
    {
        lock (_gate)
        {
            return _reading = _reading.IsCompleted ? ReadOnceAsync() : _reading;
        }
    }

    private async Task ReadOnceAsync()
    {
        using var limit = new CancellationTokenSource(Limit, time);
        try
        {
            var configuration = await OpenIdConnectConfigurationRetriever.GetAsync(_address, _retriever!, limit.Token);
            if (configuration.SigningKeys.Count == 0)
            {
                Fail("it publishes no signing keys");
                return;
            }

            // First the keys, then the cache: what is added to the new cache was validated with these keys, or newer ones.
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
            Fail($"no answer within {Limit.TotalSeconds:0} s");
        }
        catch (Exception exception)
        {
            // Whatever is wrong with the server's documents or the way to it: the keys that are known stay.
            Fail(exception.GetBaseException().Message.ReplaceLineEndings(" "));
        }
    }

    private void Fail(string reason)
    {
        if (Failure is null)
        {
            LogAway(_address, reason, HasKeys ? "known keys stay in force" : "tokens get 503");
        }

        Failure = reason;
    }

    private static string Describe(OpenIdConnectConfiguration configuration) => string.Join('\n', configuration.SigningKeys
        .Select(key => key.KeyId + " " + (key.CanComputeJwkThumbprint() ? Convert.ToHexString(key.ComputeJwkThumbprint()) : ""))
        .Order(StringComparer.Ordinal).Prepend(configuration.Issuer));

    [LoggerMessage(EventIds.IdentityServerAway, LogLevel.Warning, "The identity server's keys cannot be read from {Address}, {Consequence}: {Reason}")]
    private partial void LogAway(string address, string reason, string consequence);

    [LoggerMessage(EventIds.IdentityServerBack, LogLevel.Information, "The identity server's keys are read again from {Address}.")]
    private partial void LogBack(string address);

    [LoggerMessage(EventIds.SigningKeysChanged, LogLevel.Information, "The identity server at {Address} has changed its signing keys.")]
    private partial void LogKeysChanged(string address);
}

using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Configuration;

namespace RevenueAspire.Api.Access;

/// <summary>Decides which secrets and validated tokens may send and read. Thread-safe; secrets follow configuration reloads.</summary>
/// <remarks>If a reload has unusable settings, the previous secrets stay in force: a faulty rotation must neither lock out all clients nor open the
/// API.</remarks>
internal sealed partial class AccessControl : IDisposable
{
    private readonly ILogger<AccessControl> _logger;
    private readonly Callers _callers;
    private readonly IDisposable _reloads;
    private readonly ValidTokens? _tokens;
    private readonly bool _tokensGuardReads;
    private volatile Senders _ingest;
    private volatile SecretSet _reads;

    /// <exception cref="OptionsValidationException">Neither secrets nor tokens are configured, or a secret does not fit in a header.</exception>
    public AccessControl(
        IConfiguration configuration, IHostEnvironment environment, Callers callers, ILogger<AccessControl> logger, ValidTokens? tokens = null)
    {
        (_callers, _logger, _tokens) = (callers, logger, tokens);
        _tokensGuardReads = tokens is not null && !environment.IsDevelopment();
        var options = IngestOptions.Read(configuration, environment);
        if (options.FindErrors(requiresSecret: tokens is null) is { Count: > 0 } errors)
        {
            throw new OptionsValidationException(IngestOptions.Section, typeof(IngestOptions), errors);
        }

        _ingest = SendersOf(options, former: null);
        _reads = new SecretSet(options.ReadSecrets);
        _reloads = ChangeToken.OnChange(configuration.GetReloadToken, () => Reload(IngestOptions.Read(configuration, environment)));
        foreach (var file in (configuration as IConfigurationBuilder)?.Sources.OfType<FileConfigurationSource>() ?? [])
        {
            // The exception ends the reload before it takes effect: without this file, its settings would be missing.
            file.OnLoadException = failure => LogFileRefused(file.Path, failure.Exception.GetBaseException().Message);
        }
    }

    public (bool Secrets, bool Tokens) Accepts => (!_ingest.Secrets.IsEmpty || !_reads.IsEmpty, _tokens is not null);

    /// <summary>Whether a secret has this name, ignoring case. A token's caller must not use it, since the name determines the owner of records, limits and
    /// keys.</summary>
    public bool IsNameOfSecret(string name) =>
        _ingest.Callers.Any(caller => caller.Name is { } own && own.Text.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether reads need no credentials. In Development, configured tokens do not close reads, so that a developer with a token can still open the
    /// page.</summary>
    public bool IsReadOpen => _reads.IsEmpty && !_tokensGuardReads;

    /// <summary>Whether the Authorization header grants sending: it is a secret, or a token in the cache.</summary>
    public bool MayIngest(StringValues authorization, [NotNullWhen(true)] out Caller? caller)
    {
        caller = _ingest.Find(authorization)
            ?? (FindToken(authorization) is { MaySend: true } token ? token.Sender ??= _callers.Of(token.Caller) : null);
        return caller is not null;
    }

    public Caller CallerOf(HttpContext context) =>
        MayIngest(context.Request.Headers.Authorization, out var caller) ? caller : _callers.Of(context.User) ?? _callers.OfSecret(name: null);

    /// <summary>Whether the request may read everything: reads are open, or its Authorization header is a secret or a token in the cache.</summary>
    public bool MayRead(StringValues authorization) => IsReadOpen || _reads.Matches(authorization) || FindToken(authorization) is { MayRead: true };

    /// <summary>The rights that the Authorization header has as a secret: its caller if it may send, and whether it may read.</summary>
    public (Caller? Sender, bool Reads) MatchSecret(StringValues authorization) => (_ingest.Find(authorization), _reads.Matches(authorization));

    public void Dispose() => _reloads.Dispose();

    private void Reload(IngestOptions options)
    {
        var errors = options.FindErrors(requiresSecret: _tokens is null);
        if (options.ReadSecrets.Count == 0 && !_reads.IsEmpty)
        {
            // The settings file may be missing for a moment, or deleted by accident.
            errors.Add($"{IngestOptions.Section}:{nameof(IngestOptions.ReadSecrets)} is missing. Only a restart opens reads to all callers.");
        }

        if (errors.Count > 0)
        {
            LogReloadRefused(string.Join(" ", errors));
            return;
        }

        _ingest = SendersOf(options, _ingest);
        _reads = new SecretSet(options.ReadSecrets);

        // A new secret may have the name of a cached token's caller. Such a token must be refused from now on.
        _tokens?.Drop();
    }

    /// <summary>Keeps the caller object of an unnamed secret across reloads. Otherwise a reload would reset its rate limit.</summary>
    private Senders SendersOf(IngestOptions options, Senders? former) => new(
        new SecretSet(options.Secrets.Select(secret => secret.Value)),
        [.. options.Secrets.Select(secret =>
            secret.Name is null && former?.Find(secret.Value) is { Name: null } same ? same : _callers.OfSecret(secret.Name))]);

    /// <summary>The secrets that grant sending, and the caller per secret in the same order.</summary>
    private sealed record Senders(SecretSet Secrets, Caller[] Callers)
    {
        public Caller? Find(StringValues secret) => Secrets.IndexOf(secret) is >= 0 and var index ? Callers[index] : null;
    }

    private ValidToken? FindToken(StringValues authorization) =>
        _tokens is not null && TokenEvents.TryFind(authorization, out var token) ? _tokens.Current.Find(token) : null;

    [LoggerMessage(EventIds.ReloadRefused, LogLevel.Error, "The reloaded settings are invalid; the previous secrets stay in force: {Errors}")]
    private partial void LogReloadRefused(string errors);

    [LoggerMessage(
        EventIds.SettingsFileRefused, LogLevel.Error, "The changed settings file {File} cannot be read; the previous secrets stay in force: {Reason}")]
    private partial void LogFileRefused(string? file, string reason);
}

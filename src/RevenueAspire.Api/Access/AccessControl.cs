using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Configuration;

namespace RevenueAspire.Api.Access;

/// <summary>Decides which secrets grant sending and reading. Thread-safe; follows reloads of the configuration.</summary>
/// <remarks>A reload with unusable settings keeps the secrets in force: an error in a rotation must neither lock every client out nor let every client
/// in.</remarks>
internal sealed partial class AccessControl : IDisposable
{
    private readonly ILogger<AccessControl> _logger;
    private readonly Callers _callers;
    private readonly IDisposable _reloads;
    private volatile Senders _ingest;
    private volatile SecretSet _reads;

    /// <exception cref="OptionsValidationException">No secret, or one that no header can carry.</exception>
    public AccessControl(IConfiguration configuration, IHostEnvironment environment, Callers callers, ILogger<AccessControl> logger)
    {
        _logger = logger;
        _callers = callers;
        var options = IngestOptions.Read(configuration, environment);
        string[] errors = [.. options.FindErrors()];
        if (errors.Length > 0)
        {
            throw new OptionsValidationException(IngestOptions.Section, typeof(IngestOptions), errors);
        }

        _ingest = SendersOf(options, former: null);
        _reads = new SecretSet(options.ReadSecrets);
        _reloads = ChangeToken.OnChange(configuration.GetReloadToken, () => Reload(IngestOptions.Read(configuration, environment)));
        foreach (var file in (configuration as IConfigurationBuilder)?.Sources.OfType<FileConfigurationSource>() ?? [])
        {
            // The reload then ends with the exception, and no reload is signalled: the settings of this file are missing now.
            file.OnLoadException = failure => LogFileRefused(file.Path, failure.Exception.GetBaseException().Message);
        }
    }

    /// <summary>Whether the Authorization header allows to send events.</summary>
    /// <param name="authorization">The header.</param>
    /// <param name="caller">The caller that the secret belongs to.</param>
    public bool MayIngest(StringValues authorization, [NotNullWhen(true)] out Caller? caller)
    {
        var senders = _ingest;
        var index = senders.Secrets.IndexOf(authorization);
        caller = index < 0 ? null : senders.Callers[index];
        return caller is not null;
    }

    /// <summary>The caller of a request that may send events.</summary>
    public Caller CallerOf(HttpContext context) =>
        MayIngest(context.Request.Headers.Authorization, out var caller) ? caller : _callers.Of(context.User) ?? _callers.OfSecret(name: null);

    /// <summary>Whether the Authorization header allows to read; always where no secret guards the reads.</summary>
    public bool MayRead(StringValues authorization) => _reads is { IsEmpty: true } || _reads.Matches(authorization);

    public void Dispose() => _reloads.Dispose();

    private void Reload(IngestOptions options)
    {
        string[] errors = [.. options.FindErrors()];
        if (errors.Length > 0)
        {
            LogReloadRefused(string.Join(" ", errors));
            return;
        }

        if (options.ReadSecrets.Count == 0 && !_reads.IsEmpty)
        {
            // The file that held them may be missing for a moment, or deleted by accident.
            LogReloadRefused($"{IngestOptions.Section}:{nameof(IngestOptions.ReadSecrets)} is gone: reads are opened to everybody only by a restart.");
            return;
        }

        _ingest = SendersOf(options, _ingest);
        _reads = new SecretSet(options.ReadSecrets);
    }

    /// <summary>A reload keeps the caller of an unnamed secret, and with it what the caller has used of its limit.</summary>
    private Senders SendersOf(IngestOptions options, Senders? former) => new(
        new SecretSet(options.Secrets.Select(secret => secret.Value)),
        [.. options.Secrets.Select(secret =>
            secret.Name is null && former?.CallerOf(secret.Value) is { Name: null } same ? same : _callers.OfSecret(secret.Name))]);

    /// <param name="Secrets">Any of these may send events.</param>
    /// <param name="Callers">The caller of each.</param>
    private sealed record Senders(SecretSet Secrets, Caller[] Callers)
    {
        public Caller? CallerOf(string secret) => Secrets.IndexOf(secret) is >= 0 and var index ? Callers[index] : null;
    }

    [LoggerMessage(EventIds.ReloadRefused, LogLevel.Error, "The reloaded settings are not used, the former secrets stay in force: {Errors}")]
    private partial void LogReloadRefused(string errors);

    [LoggerMessage(EventIds.SettingsFileRefused, LogLevel.Error, "The changed settings file {File} cannot be read, the former secrets stay in force: {Reason}")]
    private partial void LogFileRefused(string? file, string reason);
}

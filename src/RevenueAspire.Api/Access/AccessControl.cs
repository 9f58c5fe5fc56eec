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
    private readonly IDisposable _reloads;
    private volatile SecretSet _ingest;
    private volatile SecretSet _reads;

    /// <exception cref="OptionsValidationException">No secret, or one that no header can carry.</exception>
    public AccessControl(IConfiguration configuration, IHostEnvironment environment, ILogger<AccessControl> logger)
    {
        _logger = logger;
        var options = IngestOptions.Read(configuration, environment);
        string[] errors = [.. options.FindErrors()];
        if (errors.Length > 0)
        {
            throw new OptionsValidationException(IngestOptions.Section, typeof(IngestOptions), errors);
        }

        _ingest = new SecretSet(options.Secrets);
        _reads = new SecretSet(options.ReadSecrets);
        _reloads = ChangeToken.OnChange(configuration.GetReloadToken, () => Reload(IngestOptions.Read(configuration, environment)));
        foreach (var file in (configuration as IConfigurationBuilder)?.Sources.OfType<FileConfigurationSource>() ?? [])
        {
            // The reload then ends with the exception, and no reload is signalled: the settings of this file are missing now.
            file.OnLoadException = failure => LogFileRefused(file.Path, failure.Exception.GetBaseException().Message);
        }
    }

    /// <summary>Whether the Authorization header allows to send events.</summary>
    public bool MayIngest(StringValues authorization) => _ingest.Matches(authorization);

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

        _ingest = new SecretSet(options.Secrets);
        _reads = new SecretSet(options.ReadSecrets);
    }

    [LoggerMessage(EventIds.ReloadRefused, LogLevel.Error, "The reloaded settings are not used, the former secrets stay in force: {Errors}")]
    private partial void LogReloadRefused(string errors);

    [LoggerMessage(EventIds.SettingsFileRefused, LogLevel.Error, "The changed settings file {File} cannot be read, the former secrets stay in force: {Reason}")]
    private partial void LogFileRefused(string? file, string reason);
}

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>A certificate in files, reloaded when they change. Thread-safe.</summary>
/// <remarks>Kestrel's own reload closes the endpoint and its connections, refuses new ones meanwhile, and does not watch the key. This class keeps the endpoint
/// and its connections open; new connections get the new certificate.</remarks>
internal sealed partial class CertificateFile
{
    private static readonly TimeSpan ReadInterval = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly string? _keyPath;
    private readonly string? _password;
    private readonly ILogger<CertificateFile> _logger;
    private readonly Lock _gate = new();
    private byte[] _content;
    private SslStreamCertificateContext _context;
    private long _readAt = TimeProvider.System.GetTimestamp();

    private CertificateFile(string path, string? keyPath, string? password, ILogger<CertificateFile> logger)
    {
        (_path, _keyPath, _password, _logger) = (path, keyPath, password, logger);
        _content = ReadContent();
        _context = Load();
    }

    /// <summary>Loads a certificate from Kestrel's settings.</summary>
    /// <param name="section">The section with <c>Path</c>, <c>KeyPath</c> and <c>Password</c>.</param>
    /// <param name="folder">The base of relative paths.</param>
    /// <returns>Null if the section names no file.</returns>
    /// <exception cref="UserErrorException">The files cannot be used; the message names the setting.</exception>
    public static CertificateFile? Open(IConfigurationSection section, string folder, ILogger<CertificateFile> logger)
    {
        if (section["Path"] is not { Length: > 0 } path)
        {
            return null;
        }

        try
        {
            var keyPath = section["KeyPath"] is { Length: > 0 } key ? Path.GetFullPath(key, folder) : null;
            return new CertificateFile(Path.GetFullPath(path, folder), keyPath, section["Password"], logger);
        }
        catch (Exception exception) when (IsUnusable(exception))
        {
            throw new UserErrorException($"{section.Path}: the certificate {path} cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>The certificate for a new connection.</summary>
    public SslStreamCertificateContext Current()
    {
        lock (_gate)
        {
            if (TimeProvider.System.GetElapsedTime(_readAt) >= ReadInterval)
            {
                _readAt = TimeProvider.System.GetTimestamp();
                ReadAgain();
            }

            return _context;
        }
    }

    private void ReadAgain()
    {
        try
        {
            var content = ReadContent();
            if (content.AsSpan().SequenceEqual(_content))
            {
                return;
            }

            // Set before the attempt, so that an unusable pair of files is logged only once. Often the pair is a half-finished renewal.
            _content = content;
            _context = Load();
            LogRenewed(_path, _context.TargetCertificate.NotAfter.ToUniversalTime());
        }
        catch (Exception exception) when (IsUnusable(exception))
        {
            LogUnusable(_path, exception.Message);
        }
    }

    private byte[] ReadContent() => [.. File.ReadAllBytes(_path), .. _keyPath is null ? [] : File.ReadAllBytes(_keyPath)];

    private SslStreamCertificateContext Load()
    {
        if (_keyPath is null)
        {
            var all = X509CertificateLoader.LoadPkcs12CollectionFromFile(_path, _password);
            var own = all.FirstOrDefault(certificate => certificate.HasPrivateKey) ?? throw new CryptographicException("It contains no private key.");
            all.Remove(own);
            return SslStreamCertificateContext.Create(own, all, offline: true);
        }

        var (text, key) = (File.ReadAllText(_path, Encoding.UTF8), File.ReadAllText(_keyPath, Encoding.UTF8));
        var certificate = string.IsNullOrEmpty(_password)
            ? X509Certificate2.CreateFromPem(text, key)
            : X509Certificate2.CreateFromEncryptedPem(text, key, _password);
        if (OperatingSystem.IsWindows())
        {
            // TLS on Windows does not accept a key that exists only in memory.
            certificate = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
        }

        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(text);
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }

    private static bool IsUnusable(Exception exception) => exception is CryptographicException or ArgumentException || FileErrors.IsOfTheSystem(exception);

    [LoggerMessage(EventIds.CertificateRenewed, LogLevel.Information, "The certificate {Path} was renewed and expires on {NotAfter:u}.")]
    private partial void LogRenewed(string path, DateTime notAfter);

    [LoggerMessage(EventIds.CertificateUnusable, LogLevel.Warning, "The changed certificate {Path} cannot be used; the previous one stays in use: {Reason}")]
    private partial void LogUnusable(string path, string reason);
}

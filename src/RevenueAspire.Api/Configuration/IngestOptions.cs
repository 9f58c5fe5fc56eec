using System.Buffers;
using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Configuration;

/// <summary>The secrets (section <c>Ingest</c>), read again at each configuration reload.</summary>
internal sealed class IngestOptions
{
    public const string Section = "Ingest";

    public const string DevelopmentSecret = "secret";

    private const int MaxNameLength = 64;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <summary>The secrets that grant sending. A caller sends its secret as the whole value of the Authorization header. During a rotation, a name may have
    /// several secrets.</summary>
    public IReadOnlyList<IngestSecret> Secrets { get; set; } = [];

    /// <summary>The secrets that grant reading. If there are none, reads are open.</summary>
    public IReadOnlyList<string> ReadSecrets { get; set; } = [];

    /// <summary>Reads the section. Unnamed secrets are a single value (<c>Ingest:Secrets=...</c>) or a list (<c>Ingest:Secrets:0</c>). Named ones are a value
    /// or a list per name (<c>Ingest:Secrets:shop-1</c>, <c>Ingest:Secrets:shop-1:0</c>).</summary>
    public static IngestOptions Read(IConfiguration configuration, IHostEnvironment environment)
    {
        var section = configuration.GetSection(Section);
        var options = new IngestOptions
        {
            Secrets = ReadSenders(section.GetSection(nameof(Secrets))),
            ReadSecrets = ReadList(section.GetSection(nameof(ReadSecrets))),
        };
        if (section[nameof(ReadSecrets)] is "")
        {
            // A present but empty setting is an error (for example an unset variable) and must not open reads. So keep it as an entry, which the validation
            // refuses.
            options.ReadSecrets = ["", .. options.ReadSecrets];
        }

        if (options.Secrets.Count == 0 && environment.IsDevelopment())
        {
            options.Secrets = [new IngestSecret(null, DevelopmentSecret)];
        }

        return options;
    }

    /// <summary>The errors in the settings. Each names the setting, and none shows a secret.</summary>
    /// <param name="requiresSecret">False if tokens are configured, so clients can send events without a secret.</param>
    public List<string> FindErrors(bool requiresSecret)
    {
        List<string> errors = requiresSecret && Secrets.Count == 0
            ? [$"{Section}:{nameof(Secrets)} is not set, and clients need a secret to send events. Set it, for example with "
                + $"{Section}__{nameof(Secrets)}=... in the environment "
                + "(the default \"secret\" works only with ASPNETCORE_ENVIRONMENT=Development), or configure tokens."]
            : [];
        var names = Secrets.Select(secret => secret.Name).OfType<string>().Distinct();
        errors.AddRange(
        [
            .. names.Where(name => name.Length > MaxNameLength || name.AsSpan().ContainsAnyExcept(NameCharacters)).Select(name =>
                $"{NameOf(name)}: a caller's name must have 1 to {MaxNameLength} characters: letters (a to z), digits, hyphens, underscores or full stops."),
            .. names.Where(name => name == Ingest.IngestMetrics.OtherName).Select(name =>
                $"{NameOf(name)}: metrics use this name for all further callers; choose another one."),
            .. Secrets.GroupBy(secret => secret.Value, secret => secret.Name).Where(shared => shared.Distinct().Count() > 1).Select(shared =>
                $"{string.Join(" and ", shared.Distinct().Select(NameOf))} hold the same secret. Give each caller a different one."),
            .. Secrets.Select(secret => (Setting: NameOf(secret.Name), secret.Value))
                .Concat(ReadSecrets.Select(value => (Setting: $"{Section}:{nameof(ReadSecrets)}", Value: value)))
                .Where(secret => !SecretSet.IsUsable(secret.Value)).Select(secret =>
                    $"{secret.Setting} has an entry that no header can carry. A secret must have 1 to {SecretSet.MaxLength} ASCII characters, without control "
                    + "characters and without spaces at its ends."),
        ]);
        return errors;
    }

    private static string NameOf(string? caller) => $"{Section}:{nameof(Secrets)}{(caller is null ? "" : ":" + caller)}";

    /// <summary>A key of digits is a list index. Names become lower case: configuration keys are case-insensitive, so two sources may spell the same name
    /// differently.</summary>
    private static IngestSecret[] ReadSenders(IConfigurationSection section)
    {
        var entries = section.GetChildren().SelectMany(entry => entry.Key.All(char.IsAsciiDigit)
            ? [new IngestSecret(null, entry.Value ?? "")]
            : ReadList(entry).DefaultIfEmpty("").Select(value => new IngestSecret(entry.Key.ToLowerInvariant(), value)));
        return string.IsNullOrEmpty(section.Value) ? [.. entries] : [new IngestSecret(null, section.Value), .. entries];
    }

    private static string[] ReadList(IConfigurationSection list)
    {
        string[] entries = [.. list.GetChildren().Select(entry => entry.Value ?? "")];
        return string.IsNullOrEmpty(list.Value) ? entries : [list.Value, .. entries];
    }
}

/// <summary>A secret that grants sending.</summary>
/// <remarks>Not a record: its ToString would show the secret.</remarks>
/// <param name="value">The whole value of the Authorization header.</param>
internal sealed class IngestSecret(string? name, string value)
{
    public string? Name => name;

    public string Value => value;
}

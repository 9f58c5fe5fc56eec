using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Configuration;

/// <summary>The secrets (section <c>Ingest</c>). Read again whenever the configuration reloads.</summary>
internal sealed class IngestOptions
{
    public const string Section = "Ingest";

    /// <summary>What a fresh clone accepts: in Development only.</summary>
    public const string DevelopmentSecret = "secret";

    /// <summary>Any of these, as the whole value of the Authorization header, may send events: several during a rotation.</summary>
    public IReadOnlyList<string> Secrets { get; set; } = [];

    /// <summary>Any of these may read; empty: reads are open.</summary>
    public IReadOnlyList<string> ReadSecrets { get; set; } = [];

    /// <summary>Reads the section: a list (<c>Ingest:Secrets:0</c>) and a single value (<c>Ingest:Secrets=...</c>) are both accepted, and count
    /// together.</summary>
    public static IngestOptions Read(IConfiguration configuration, IHostEnvironment environment)
    {
        var section = configuration.GetSection(Section);
        var options = new IngestOptions { Secrets = ReadList(section, nameof(Secrets)), ReadSecrets = ReadList(section, nameof(ReadSecrets)) };
        if (section[nameof(ReadSecrets)] is "")
        {
            // Present but empty is an error (a variable that was not filled in), and no wish to open the reads: it becomes an entry that no header can carry.
            options.ReadSecrets = ["", .. options.ReadSecrets];
        }

        if (options.Secrets.Count == 0 && environment.IsDevelopment())
        {
            options.Secrets = [DevelopmentSecret];
        }

        return options;
    }

    /// <summary>What is wrong with the settings, each a sentence that names the setting and never shows a secret.</summary>
    /// <param name="requiresSecret">False where clients may send events without one: with tokens.</param>
    public IEnumerable<string> FindErrors(bool requiresSecret)
    {
        if (requiresSecret && Secrets.Count == 0)
        {
            yield return $"{Section}:{nameof(Secrets)} is not set: clients need a secret to send events. Set it, for example as "
                + $"{Section}__{nameof(Secrets)}=... in the environment "
                + "(only with ASPNETCORE_ENVIRONMENT=Development the default \"secret\" holds), or configure tokens.";
        }

        foreach (var error in FindErrors(nameof(Secrets), Secrets).Concat(FindErrors(nameof(ReadSecrets), ReadSecrets)))
        {
            yield return error;
        }
    }

    private static IEnumerable<string> FindErrors(string name, IReadOnlyList<string> secrets) =>
        from secret in secrets
        where !SecretSet.IsUsable(secret)
        select $"{Section}:{name} has an entry that no header can carry: a secret is 1 to {SecretSet.MaxLength} ASCII characters, without control characters "
            + "and without spaces at its ends.";

    private static string[] ReadList(IConfigurationSection section, string name)
    {
        var list = section.GetSection(name);
        string[] entries = [.. list.GetChildren().Select(entry => entry.Value ?? "")];
        return string.IsNullOrEmpty(list.Value) ? entries : [list.Value, .. entries];
    }
}

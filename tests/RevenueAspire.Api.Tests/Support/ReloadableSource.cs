using Microsoft.Extensions.Configuration;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Settings that a test changes while the API runs. The next reload applies them.</summary>
internal sealed class ReloadableSource(Dictionary<string, string?> settings) : IConfigurationSource
{
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new Provider(settings);

    private sealed class Provider(Dictionary<string, string?> settings) : ConfigurationProvider
    {
        public override void Load() => Data = new Dictionary<string, string?>(settings, StringComparer.OrdinalIgnoreCase);
    }
}

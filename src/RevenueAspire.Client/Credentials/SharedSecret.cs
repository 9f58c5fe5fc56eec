namespace RevenueAspire.Client.Credentials;

/// <summary>A secret, sent unchanged as the header's value.</summary>
internal sealed class SharedSecret(string secret) : Credential
{
    public override string Name => "secret";

    public override bool IsToken => false;

    public override ValueTask<string> GetAsync(CancellationToken cancellationToken) => new(secret);
}

namespace RevenueAspire.Client.Load;

internal enum UserSkew
{
    Uniform,

    /// <summary>The n-th user has 1/n of the first one's events.</summary>
    Zipf,
}

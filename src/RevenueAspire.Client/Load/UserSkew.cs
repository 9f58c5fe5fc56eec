namespace RevenueAspire.Client.Load;

/// <summary>How events spread over users.</summary>
internal enum UserSkew
{
    /// <summary>All users alike.</summary>
    Uniform,

    /// <summary>The n-th user has 1/n of the first one's events.</summary>
    Zipf,
}

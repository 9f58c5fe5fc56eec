using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Api.Configuration;

/// <summary>Settings of the API itself (section <c>Api</c>).</summary>
internal sealed class ApiOptions : IValidatableObject
{
    public const string Section = "Api";

    /// <summary>Maximum wait of <c>?after=</c> for a receipt to reach the ledger, as hh:mm:ss.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00", ErrorMessage = "must be a time between 00:00:00 and 00:05:00, written hh:mm:ss.")]
    public TimeSpan ReadAfterTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Maximum bytes of a single event, and of one line of a batch.</summary>
    [Range(256, 1 << 20)]
    public int MaxEventBytes { get; set; } = 64 << 10;

    /// <summary>Maximum bytes of a batch after decompression.</summary>
    [Range(1 << 10, 256 << 20, ErrorMessage = "must be between {1} and {2} bytes, since the records of a batch must fit into one buffer.")]
    public int MaxBatchBytes { get; set; } = 32 << 20;

    /// <summary>Total bytes of memory for batches in progress. A batch waits for its share, and is refused after <see cref="BatchWait"/>.</summary>
    [Range(1 << 20, 1L << 40)]
    public long BatchMemoryBytes { get; set; } = 512L << 20;

    /// <summary>Maximum wait of a batch for its share of memory before it is refused with 503, as hh:mm:ss.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ErrorMessage = "must be a time between 00:00:00 and 00:01:00, written hh:mm:ss.")]
    public TimeSpan BatchWait { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Maximum time for a batch's body to arrive, as hh:mm:ss. Other batches may be waiting for the memory of a slow one.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be a time between 00:00:01 and 01:00:00, written hh:mm:ss.")]
    public TimeSpan BatchBodyTimeout { get; set; } = TimeSpan.FromMinutes(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Ingest.BatchMemory.For(MaxBatchBytes) is var needed && BatchMemoryBytes < needed)
        {
            yield return new ValidationResult(
                $"must be at least {needed}, or the API could never accept a batch of MaxBatchBytes ({MaxBatchBytes}).", [nameof(BatchMemoryBytes)]);
        }
    }
}

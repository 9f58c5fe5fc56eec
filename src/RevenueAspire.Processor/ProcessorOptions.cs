using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Processor;

/// <summary>Settings of the processor (section <c>Processor</c>). Processors with different settings can work on one source. Only <see cref="MaxLineBytes"/>
/// must be equal while a range of a file is unfinished.</summary>
public sealed class ProcessorOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Processor";

    /// <summary>Minimum bytes of a source to share with another processor. A source below twice this size is one range, so each user is merged once. From a
    /// longer source, a processor claims half of the rest.</summary>
    [Range(1, 1L << 40)]
    public long RangeBytes { get; set; } = 2L << 30;

    /// <summary>Maximum bytes of live traffic to apply in one statement. A longer backlog is claimed in ranges, so that all processors help.</summary>
    [Range(1, 64 << 20)]
    public int LiveRangeBytes { get; set; } = 2 << 20;

    /// <summary>Bytes of a range that one thread reads and parses at a time.</summary>
    [Range(16, 64 << 20)]
    public int BlockBytes { get; set; } = 1 << 20;

    /// <summary>Threads that parse a range; 0 means one per core, at most 8.</summary>
    [Range(0, 64)]
    public int Workers { get; set; }

    /// <summary>Maximum users of a range in memory (about 100 bytes per user; two ranges may be in memory at once). Further users are sorted and written to the
    /// folder <c>spool</c> of the data directory. Users of the blocks in progress may exceed the limit.</summary>
    [Range(1, 1 << 28)]
    public int MaxUsersInMemory { get; set; } = 2_000_000;

    /// <summary>Number of rejected lines in memory at which a range ends early. Blocks in progress are still finished.</summary>
    [Range(1, 1 << 24)]
    public int MaxRejectsPerRange { get; set; } = 100_000;

    /// <summary>Users per merge statement. Null means 5,000, or 50,000 if the ledger is distributed.</summary>
    [Range(1, 1 << 20)]
    public int? MergeBatchRows { get; set; }

    /// <summary>Database connections that merge a range. Each merges a contiguous slice of the range's users.</summary>
    [Range(1, 64)]
    public int Connections { get; set; } = 2;

    /// <summary>Seconds without a renewal of the lease after which another processor takes over.</summary>
    [Range(1, 3600)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>Milliseconds between two reads of a log's durable mark (16 bytes of a file, no database query).</summary>
    [Range(1, 10_000)]
    public int PollMilliseconds { get; set; } = 5;

    /// <summary>Maximum bytes of a line in a file, without its newline. Longer lines are rejected without being loaded into memory.</summary>
    [Range(16, 64 << 20)]
    public int MaxLineBytes { get; set; } = 64 << 10;

    /// <summary>Seconds for which <c>process</c> and <c>verify</c> retry while the database is unavailable. The service retries indefinitely.</summary>
    [Range(0, 86_400)]
    public int RetrySeconds { get; set; } = 60;

    internal int WorkerCount => Workers > 0 ? Workers : Math.Clamp(Environment.ProcessorCount, 1, 8);

    internal TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);
}

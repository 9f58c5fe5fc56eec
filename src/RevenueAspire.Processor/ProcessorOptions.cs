using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Processor;

/// <summary>Settings of the processor (section <c>Processor</c>). Processors with different settings work together on one source; only
/// <see cref="MaxLineBytes"/> must agree while one is unfinished.</summary>
public sealed class ProcessorOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Processor";

    /// <summary>Bytes of the least piece of a source that is worth another processor's help. A source below twice this is one range, so that each user is
    /// merged once; of a longer one a processor claims half of the rest.</summary>
    [Range(1, 1L << 40)]
    public long RangeBytes { get; set; } = 2L << 30;

    /// <summary>Bytes that live traffic applies in one statement at most; a longer backlog is claimed in ranges, so that all processors help.</summary>
    [Range(1, 64 << 20)]
    public int LiveRangeBytes { get; set; } = 2 << 20;

    /// <summary>Bytes of a range that one thread reads and parses at a time.</summary>
    [Range(16, 64 << 20)]
    public int BlockBytes { get; set; } = 1 << 20;

    /// <summary>Threads that parse a range; 0 means one per core, at most 8.</summary>
    [Range(0, 64)]
    public int Workers { get; set; }

    /// <summary>Users that a range holds in memory (about 100 bytes per user; two ranges may be in memory at once). More are sorted and written to the folder
    /// <c>spool</c> of the data directory. Exceeded by the users of the blocks in work.</summary>
    [Range(1, 1 << 28)]
    public int MaxUsersInMemory { get; set; } = 2_000_000;

    /// <summary>Rejected lines in memory at which a range ends early. The blocks being parsed are still finished.</summary>
    [Range(1, 1 << 24)]
    public int MaxRejectsPerRange { get; set; } = 100_000;

    /// <summary>Users that one merging statement takes. Null: 5,000, or 50,000 where the ledger is distributed.</summary>
    [Range(1, 1 << 20)]
    public int? MergeBatchRows { get; set; }

    /// <summary>Database connections that merge a range, a contiguous slice of its users each.</summary>
    [Range(1, 64)]
    public int Connections { get; set; } = 2;

    /// <summary>Seconds without a sign of life after which another processor takes over.</summary>
    [Range(1, 3600)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>Milliseconds between two looks at a log's durable mark (16 bytes of a file, no database).</summary>
    [Range(1, 10_000)]
    public int PollMilliseconds { get; set; } = 5;

    /// <summary>Bytes of the longest line of a file, without its newline; longer ones are rejected without being held.</summary>
    [Range(16, 64 << 20)]
    public int MaxLineBytes { get; set; } = 64 << 10;

    /// <summary>Seconds for which <c>process</c> and <c>verify</c> retry while the database is unavailable. The service never gives up.</summary>
    [Range(0, 86_400)]
    public int RetrySeconds { get; set; } = 60;

    internal int WorkerCount => Workers > 0 ? Workers : Math.Clamp(Environment.ProcessorCount, 1, 8);

    internal TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);
}

using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace RevenueAspire.EventLog;

/// <summary>Settings of the log (section <c>EventLog</c>).</summary>
public sealed class EventLogOptions
{
    /// <summary>Medium of the log.</summary>
    [EnumDataType(typeof(LogEngine))]
    public LogEngine Engine { get; set; } = LogEngine.File;

    /// <summary>Folder of the log; created if missing. The services derive it from <c>Data:Directory</c> if it is not set.</summary>
    [Required]
    public string Directory { get; set; } = "";

    /// <summary>Size in bytes at which a segment is sealed and the next one begins. Groups are never split, so a segment may exceed it by one group.</summary>
    [Range(1 << 16, 1L << 40)]
    public long SegmentBytes { get; set; } = 256L << 20;

    /// <summary>Maximum groups waiting for the writer; further appends are refused (503).</summary>
    [Range(1, 1 << 20)]
    public int QueueCapacity { get; set; } = 8192;

    /// <summary>Maximum bytes of the waiting groups; further appends are refused (503).</summary>
    [Range(1 << 16, 1L << 34)]
    public long QueueBytes { get; set; } = 256L << 20;

    /// <summary>Maximum bytes of one group commit. A single larger group is still written as a whole.</summary>
    [Range(1 << 12, 1 << 30)]
    public int CommitBytes { get; set; } = 8 << 20;

    /// <summary>Number of most recent keyed records whose idempotency keys the log remembers.</summary>
    [Range(0, 100_000_000)]
    public int KeyWindow { get; set; } = 1_000_000;

    /// <summary>Which segments retention removes.</summary>
    [EnumDataType(typeof(LogRetention))]
    public LogRetention Retention { get; set; } = LogRetention.Off;

    /// <summary>With <see cref="LogRetention.Applied"/>: bytes before the durable mark that retention always keeps.</summary>
    [Range(0, long.MaxValue)]
    public long RetainBytes { get; set; } = 1L << 30;

    /// <summary>Number of groups in a commit from which on the writer reserves disk space in advance.</summary>
    internal int ReserveFromGroups { get; set; } = 8;

    /// <summary>Bytes per reservation.</summary>
    internal int ReserveBytes { get; set; } = 1 << 20;
}

/// <summary>Reads <c>EventLog:Engine</c>, which selects the medium of the log.</summary>
public static class LogEngines
{
    /// <summary>The setting <c>EventLog:Engine</c>; File if it is not set.</summary>
    /// <exception cref="EventLogException">The setting is neither File nor Postgres.</exception>
    public static LogEngine Read(IConfiguration configuration) =>
        configuration["EventLog:Engine"] is not { Length: > 0 } text ? LogEngine.File
        : Enum.TryParse<LogEngine>(text, ignoreCase: true, out var engine) && Enum.IsDefined(engine) ? engine
        : throw new EventLogException($"EventLog:Engine must be {nameof(LogEngine.File)} or {nameof(LogEngine.Postgres)}, not '{text}'.");
}

/// <summary>Medium of a log.</summary>
public enum LogEngine
{
    /// <summary>A folder that one process holds.</summary>
    File,

    /// <summary>The ledger's database, for several API processes without a shared disk.</summary>
    Postgres,
}

/// <summary>Which sealed segments of a log retention removes (rule L10).</summary>
public enum LogRetention
{
    /// <summary>None.</summary>
    Off,

    /// <summary>Those that the ledger has applied durably and completely, and whose keys are outside <see cref="EventLogOptions.KeyWindow"/>.</summary>
    Applied,
}

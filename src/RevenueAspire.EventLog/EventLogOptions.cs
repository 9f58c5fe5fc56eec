using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace RevenueAspire.EventLog;

/// <summary>Settings of the log (section <c>EventLog</c>).</summary>
public sealed class EventLogOptions
{
    /// <summary>Where the log is kept.</summary>
    [EnumDataType(typeof(LogEngine))]
    public LogEngine Engine { get; set; } = LogEngine.File;

    /// <summary>Folder of the log; made when missing. The services fill it from <c>Data:Directory</c> when it is not set.</summary>
    [Required]
    public string Directory { get; set; } = "";

    /// <summary>Bytes at which a segment is sealed and the next one begins (a group is never split, so a segment may be larger by one group).</summary>
    [Range(1 << 16, 1L << 40)]
    public long SegmentBytes { get; set; } = 256L << 20;

    /// <summary>Groups waiting for the writer at most; beyond it appends are refused (503).</summary>
    [Range(1, 1 << 20)]
    public int QueueCapacity { get; set; } = 8192;

    /// <summary>Bytes of waiting groups at most; beyond it appends are refused (503).</summary>
    [Range(1 << 16, 1L << 34)]
    public long QueueBytes { get; set; } = 256L << 20;

    /// <summary>Bytes that one group commit gathers at most (one larger group is still written whole).</summary>
    [Range(1 << 12, 1 << 30)]
    public int CommitBytes { get; set; } = 8 << 20;

    /// <summary>Idempotency keys remembered: those of the last so many keyed records of the log.</summary>
    [Range(0, 100_000_000)]
    public int KeyWindow { get; set; } = 1_000_000;

    /// <summary>Whether sealed segments are removed once the ledger has them.</summary>
    [EnumDataType(typeof(LogRetention))]
    public LogRetention Retention { get; set; } = LogRetention.Off;

    /// <summary>With <see cref="LogRetention.Applied"/>: bytes before the durable mark that are kept all the same.</summary>
    [Range(0, long.MaxValue)]
    public long RetainBytes { get; set; } = 1L << 30;

    /// <summary>Groups in one commit from which on the writer reserves room ahead.</summary>
    internal int ReserveFromGroups { get; set; } = 8;

    /// <summary>Bytes that it reserves at a time.</summary>
    internal int ReserveBytes { get; set; } = 1 << 20;
}

/// <summary>Reads where the log is kept.</summary>
public static class LogEngines
{
    /// <summary>The setting <c>EventLog:Engine</c>; files when it is not set.</summary>
    /// <exception cref="EventLogException">The setting is neither.</exception>
    public static LogEngine Read(IConfiguration configuration) =>
        configuration["EventLog:Engine"] is not { Length: > 0 } text ? LogEngine.File
        : Enum.TryParse<LogEngine>(text, ignoreCase: true, out var engine) && Enum.IsDefined(engine) ? engine
        : throw new EventLogException($"EventLog:Engine must be {nameof(LogEngine.File)} or {nameof(LogEngine.Postgres)}, not '{text}'.");
}

/// <summary>Where a log is kept.</summary>
public enum LogEngine
{
    /// <summary>In a folder, by the one process that holds it.</summary>
    File,

    /// <summary>In the ledger's database: for several API processes without a disk that they could share.</summary>
    Postgres,
}

/// <summary>Which sealed segments of a log are removed (rule L10).</summary>
public enum LogRetention
{
    /// <summary>None.</summary>
    Off,

    /// <summary>Those of which the ledger has every byte, durably, and whose keys nobody can ask for any more.</summary>
    Applied,
}

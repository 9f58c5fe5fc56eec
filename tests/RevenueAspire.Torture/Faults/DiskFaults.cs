using System.Buffers.Binary;
using CliWrap;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>Fills the log's disk for a while, or changes its content so that it differs from the API's last writes.</summary>
internal static class DiskFaults
{
    private static readonly string? Prlimit = new[] { "/usr/bin/prlimit", "/bin/prlimit" }.FirstOrDefault(File.Exists);

    /// <summary>All faults for the engine; faults in the log's folder only for a log in files.</summary>
    public static IEnumerable<Fault> All(LogEngine engine) => engine == LogEngine.Postgres ? OfPostgres : [.. OfPostgres, .. OfLogFolder];

    private static IEnumerable<Fault> OfPostgres =>
    [
        new(FaultKinds.Disk, "database disk full", context => context.WithPostgresAsync(async () =>
        {
            if (context.Stage.PostgresDisk is not { } disk)
            {
                return "skipped: only root may mount a small disk";
            }

            var room = context.Random.Next(200_000);
            disk.Fill(room);
            var pause = await context.PauseAsync(0.5, 5);
            disk.Heal();

            // The server ends when it cannot write its write-ahead log.
            await context.Stage.Postgres.EnsureRunningAsync();
            return $"{room} bytes of room, for {pause}";
        })),
    ];

    private static IEnumerable<Fault> OfLogFolder =>
    [
        .. Prlimit is null ? (Fault[])[] : [new(FaultKinds.Disk, "log disk full", FillLogAsync)],
        WhileDown("mark lost", (context, mark) =>
        {
            File.Delete(mark);
            return "";
        }),
        WhileDown("mark stale", (context, mark) =>
        {
            var marks = context.Stage.SeenMarks();
            var stale = marks.Length == 0 ? 0 : marks[context.Random.Next(marks.Length)];
            WriteMark(mark, stale);
            return FormattableString.Invariant($"at {stale}");
        }),
        WhileDown("mark torn", (context, mark) =>
        {
            var garbage = new byte[context.Random.Next(17)];
            context.Random.NextBytes(garbage);
            File.WriteAllBytes(mark, garbage);
            return $"{garbage.Length} bytes";
        }),
        WhileDown("torn tail", (context, _) => TearTail(context)),
    ];

    private static void WriteMark(string path, long mark)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, mark);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), ~mark);
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Simulates a full disk by a limit on the file size, which does not require root. The log handles both in the same way.</summary>
    private static Task<string> FillLogAsync(FaultContext context) => context.WithApiAsync(async () =>
    {
        // Wait until the API has started. Unlike a full disk, the limit would stop a starting .NET runtime, which creates files in memory.
        var api = context.Api();
        await context.Stage.WaitForApiAsync(api);
        if (api.ProcessId is not { } pid)
        {
            return "the API is down";
        }

        var last = LogFiles.Segments(context.Stage.Log).Last();
        var room = context.Random.Next(20_000);
        await LimitAsync(pid, FormattableString.Invariant($"{LogFiles.ReadMark(context.Stage.Log) - last.Start + room}:unlimited"));
        var pause = await context.PauseAsync(0.3, 4);
        await LimitAsync(pid, "unlimited");
        return $"{room} bytes of room, for {pause}";
    });

    private static Task LimitAsync(int processId, string limit) =>
        Cli.Wrap(Prlimit!).WithArguments([$"--pid={processId}", $"--fsize={limit}"]).WithValidation(CommandResultValidation.None).ExecuteAsync();

    /// <summary>Kills the API, changes something in its folder, and starts it again. The durable mark must not move back.</summary>
    private static Fault WhileDown(string name, Func<FaultContext, string, string> change) =>
        new(FaultKinds.Disk, name, context => context.WithApiAsync(async () =>
    {
        var api = context.Api();
        await api.KillAsync();
        var before = LogFiles.ReadMark(context.Stage.Log);
        var detail = change(context, Path.Combine(context.Stage.Log, "durable.mark"));
        await context.PauseAsync(0, 1);
        await api.StartAsync();
        await context.Stage.WaitForApiAsync(api);
        if (LogFiles.ReadMark(context.Stage.Log) is var after && after < before)
        {
            context.Stage.Violations.Add(ViolationKind.Lost, $"after '{name}' the mark is {after}; before, it was {before}");
        }

        return detail;
    }));

    /// <summary>Appends the remains of an interrupted write after the last byte: the beginning of a record, or random bytes.</summary>
    private static string TearTail(FaultContext context)
    {
        var (start, path) = LogFiles.Segments(context.Stage.Log).Last();
        var bytes = File.ReadAllBytes(path);
        var end = bytes.AsSpan().TrimEnd((byte)0).Length;
        if (end < LogFiles.ReadMark(context.Stage.Log) - start || (end > 0 && bytes[end - 1] != '\n'))
        {
            return "the tail was already torn";
        }

        byte[] torn;
        if (end > 0 && context.Random.Next(2) == 0)
        {
            var record = bytes.AsSpan(0, end - 1).LastIndexOf((byte)'\n') + 1;
            torn = bytes[record..(record + context.Random.Next(1, end - record))];
        }
        else
        {
            torn = new byte[context.Random.Next(1, 3_000)];
            context.Random.NextBytes(torn);
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = end;
        file.Write(torn);
        return $"{torn.Length} bytes after {start + end}";
    }
}

namespace RevenueAspire.Torture.Faults;

/// <summary>Files that were counted get other names, as a log rotation tool renames them.</summary>
internal static class RotationFaults
{
    public static IEnumerable<Fault> All { get; } = [new(FaultKinds.Rotation, "counted file renamed, another one with its name", context => context.Files.RotateAsync(context.Random))];
}

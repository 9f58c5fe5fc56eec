using System.Buffers.Binary;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>Idempotency keys as columns of <c>event_log_key</c>, sorted by the bytes of the key.</summary>
internal sealed class KeyRows
{
    private static readonly KeyRows None = new(0);

    private KeyRows(int count)
    {
        Keys = new byte[count][];
        Bodies = new byte[count][];
        Offsets = new long[count];
        Counts = new int[count];
        Rejected = new int[count];
    }

    public byte[][] Keys { get; }

    public byte[][] Bodies { get; }

    public long[] Offsets { get; }

    public int[] Counts { get; }

    public int[] Rejected { get; }

    public static KeyRows Of(List<PendingAppend> groups)
    {
        var keyed = groups.Where(pending => pending.Group.HasKey).Select(pending => (Key: Bytes(pending.Group.KeyHash), Pending: pending)).ToArray();
        if (keyed.Length == 0)
        {
            return None;
        }

        Array.Sort(keyed, static (one, other) => one.Key.AsSpan().SequenceCompareTo(other.Key));
        var rows = new KeyRows(keyed.Length);
        for (var i = 0; i < keyed.Length; i++)
        {
            var (key, pending) = keyed[i];
            rows.Keys[i] = key;
            rows.Bodies[i] = Bytes(pending.Group.BodyHash);
            rows.Offsets[i] = pending.Receipt.Offset;
            rows.Counts[i] = pending.Group.Count;
            rows.Rejected[i] = pending.Group.RejectedCount;
        }

        return rows;
    }

    public static byte[] Bytes(UInt128 hash)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        return bytes;
    }
}

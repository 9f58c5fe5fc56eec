using System.Runtime.InteropServices;

namespace RevenueAspire.EventLog.Format;

/// <summary>Memory of a large group, outside the garbage collector's heap: what is let go of goes back to the system at once, and
/// what was never written to costs nothing.</summary>
/// <remarks>From a pool of arrays, large batches kept several times their size: every length that the buffer had grown through stayed in the pool, some of it
/// reachable for one thread only. A block grows where it is: on Linux the system moves its pages instead of copying them. A few small ones are kept for the
/// next batch, whose pages are then there already. Not thread-safe; Take and Dispose may be called from any thread.</remarks>
internal sealed unsafe partial class LargeBlock : IDisposable
{
    /// <summary>Blocks that are kept, and how large each may be: 64 MB in all.</summary>
    private const int MaxKept = 4;
    private const int MaxKeptBytes = 16 << 20;

    private const int ReadWrite = 1 | 2;
    private const int PrivateAnonymous = 2 | 0x20;
    private const int MayMove = 1;
    private static readonly nint Failed = -1;

    private static readonly Stack<LargeBlock> Kept = new(MaxKept);
    private static long _bytesInUse;

    private byte* _start;
    private bool _isKept;

    private LargeBlock()
    {
    }

    /// <summary>Only for who was forgotten: an owner disposes.</summary>
    ~LargeBlock() => Free();

    /// <summary>Bytes of address space of all blocks, kept ones too.</summary>
    public static long BytesInUse => Interlocked.Read(ref _bytesInUse);

    /// <summary>Bytes that fit.</summary>
    public int Length { get; private set; }

    /// <param name="bytes">At least so many; their contents are not defined.</param>
    /// <exception cref="InsufficientMemoryException">The system has none.</exception>
    public static LargeBlock Take(int bytes)
    {
        LargeBlock? block;
        lock (Kept)
        {
            Kept.TryPop(out block);
        }

        block ??= new LargeBlock();
        block._isKept = false;
        block.Grow(bytes);
        return block;
    }

    /// <summary>What lies behind a position.</summary>
    public Span<byte> From(int position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)position, (uint)Length);
        return new Span<byte>(_start + position, Length - position);
    }

    /// <summary>Makes room; contents stay, spans do not.</summary>
    public void Grow(int bytes)
    {
        if (bytes <= Length)
        {
            return;
        }

        if (OperatingSystem.IsLinux())
        {
            var moved = _start is null ? Map(null, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0) : Remap(_start, (nuint)Length, (nuint)bytes, MayMove);
            _start = (nint)moved != Failed
                ? moved : throw new InsufficientMemoryException($"the system has no {bytes} bytes for a batch: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        else
        {
            _start = (byte*)NativeMemory.Realloc(_start, (nuint)bytes);
        }

        Interlocked.Add(ref _bytesInUse, bytes - Length);
        Length = bytes;
    }

    public void Dispose()
    {
        // Given back twice, a block would have two owners, and one's events would be another's.
        ObjectDisposedException.ThrowIf(_isKept, this);
        if (Length <= MaxKeptBytes)
        {
            lock (Kept)
            {
                if (Kept.Count < MaxKept)
                {
                    _isKept = true;
                    Kept.Push(this);
                    return;
                }
            }
        }

        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_start is null)
        {
            return;
        }

        if (OperatingSystem.IsLinux())
        {
            // The only error there is would be that of an address that is not ours.
            _ = Unmap(_start, (nuint)Length);
        }
        else
        {
            NativeMemory.Free(_start);
        }

        Interlocked.Add(ref _bytesInUse, -Length);
        _start = null;
        Length = 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mremap", SetLastError = true)]
    private static partial byte* Remap(void* address, nuint oldLength, nuint newLength, int flags);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}

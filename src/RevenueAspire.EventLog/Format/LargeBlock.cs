using System.Runtime.InteropServices;

namespace RevenueAspire.EventLog.Format;

/// <summary>Memory for a large group, outside the garbage collector's heap. Freed memory returns to the system at once, and untouched pages cost
/// nothing.</summary>
/// <remarks>An array pool kept several times the size of large batches: an array of every size that the buffer had grown through, some for only one thread. A
/// block grows without copying, because Linux moves its pages. A few blocks are kept for the next batches, so that their pages need not be allocated again. An
/// instance is not thread-safe; Take and Dispose may be called from any thread.</remarks>
internal sealed unsafe partial class LargeBlock : IDisposable
{
    /// <summary>Number and maximum size of kept blocks: 64 MB in total.</summary>
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

    /// <summary>Needed only for a leaked block, because owners call Dispose.</summary>
    ~LargeBlock() => Free();

    /// <summary>Address space of all blocks, including kept ones, in bytes.</summary>
    public static long BytesInUse => Interlocked.Read(ref _bytesInUse);

    /// <summary>Capacity in bytes.</summary>
    public int Length { get; private set; }

    /// <param name="bytes">Minimum capacity; the contents are undefined.</param>
    /// <exception cref="InsufficientMemoryException">The system has too little memory.</exception>
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

    /// <summary>The memory from a position to the end.</summary>
    public Span<byte> From(int position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)position, (uint)Length);
        return new Span<byte>(_start + position, Length - position);
    }

    /// <summary>Increases the capacity. Contents stay; earlier spans become invalid.</summary>
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
                ? moved : throw new InsufficientMemoryException($"the system cannot provide {bytes} bytes for a batch: {Marshal.GetLastPInvokeErrorMessage()}");
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
        // If a block were released twice, it would get two owners, which would overwrite each other's events.
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
            // This call fails only for an address outside our mappings.
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

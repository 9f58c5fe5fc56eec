using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>All processes of a Postgres server at once: a lost or frozen machine. Linux only.</summary>
public static class ServerTree
{
    /// <summary>Sends a signal to the postmaster and each of its processes. Processes that end meanwhile are left alone.</summary>
    public static void Send(int postmasterId, Signal signal)
    {
        if (signal is Signal.Continue)
        {
            SendEach([.. Children(postmasterId), postmasterId], signal);
            return;
        }

        // A postmaster that is stopped first neither starts another process nor notices that one has ended.
        SendEach([postmasterId], Signal.Stop);
        SendEach([.. Children(postmasterId), postmasterId], signal);
    }

    private static void SendEach(IEnumerable<int> processIds, Signal signal)
    {
        foreach (var id in processIds)
        {
            try
            {
                Signals.Send(id, signal);
            }
            catch (IOException)
            {
                // It has ended.
            }
        }
    }

    /// <summary>Ids of the processes that a process has started.</summary>
    public static List<int> Children(int parentId)
    {
        var children = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && ParentOf(id) == parentId)
            {
                children.Add(id);
            }
        }

        return children;
    }

    private static int ParentOf(int processId)
    {
        try
        {
            // pid (name) state parent ...; the name may hold anything, also brackets.
            var text = File.ReadAllText($"/proc/{processId}/stat");
            return int.Parse(text[(text.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}

using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>Signals all processes of a Postgres server at once, to simulate a lost or frozen machine. Linux only.</summary>
public static class ServerTree
{
    /// <summary>Sends a signal to the postmaster and all its child processes; ignores processes that end in the meantime.</summary>
    public static void Send(int postmasterId, Signal signal)
    {
        if (signal is Signal.Continue)
        {
            SendEach([.. Children(postmasterId), postmasterId], signal);
            return;
        }

        // Stop the postmaster first, so that it neither starts processes nor reacts to ended ones.
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
                // The process has ended.
            }
        }
    }

    /// <summary>Ids of a process's children.</summary>
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
            // Format: pid (name) state parent ...; the name may contain any character, including brackets.
            var text = File.ReadAllText($"/proc/{processId}/stat");
            return int.Parse(text[(text.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}

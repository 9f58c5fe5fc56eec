/// <summary>Loaded into a program under test by DOTNET_STARTUP_HOOKS: a thread of it fails a moment after the start, as a bug would. No namespace: the runtime
/// looks for this name.</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var thread = new Thread(() =>
        {
            Thread.Sleep(TimeSpan.FromSeconds(1));
            throw new InvalidOperationException("a bug of the test");
        });
        thread.Start();
    }
}
